package databricksexporter

import (
	"errors"
	"fmt"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/resolve"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// plan is where the data of one signal goes.
type plan struct {
	table   route.Table
	targets []target
}

// target is one destination: a table, or an experiment that tells it.
type target struct {
	table      destination.Destination
	experiment string
}

// key names a target, the same from start to start.
func (t target) key() string {
	if t.experiment != "" {
		return "experiment:" + t.experiment
	}
	return t.table.String()
}

// plan works out the destinations of a signal and the rules that lead there.
func (c *Config) plan(s unity.Signal) (*plan, error) {
	p := &plan{table: route.Table{Fallback: route.None}}
	if len(c.Routes) == 0 || c.OnNoRoute == Default {
		d, err := c.fallback(s)
		if err != nil {
			return nil, err
		}
		p.table.Fallback = p.add(target{table: d})
	}
	var errs []error
	for i := range c.Routes {
		rule, to, err := c.route(&c.Routes[i], s)
		if err != nil {
			errs = append(errs, fmt.Errorf("routes[%d]: %w", i, err))
			continue
		}
		rule.Target = p.add(to)
		p.table.Rules = append(p.table.Rules, rule)
	}
	return p, errors.Join(errs...)
}

// add returns the index of a target.
func (p *plan) add(t target) int {
	for i := range p.targets {
		if p.targets[i] == t {
			return i
		}
	}
	p.targets = append(p.targets, t)
	return len(p.targets) - 1
}

// fallback is the destination of what no route concerns.
func (c *Config) fallback(s unity.Signal) (destination.Destination, error) {
	if key, name := c.Tables.of(s); name != "" {
		n, err := unity.ParseName(name)
		if err != nil {
			return destination.Destination{}, fmt.Errorf("%s: %w", key, err)
		}
		d := destination.Destination{Signal: s, Layout: c.Layout, Table: n}
		d.Location, _ = resolve.Locate(n, s)
		return d, nil
	}
	if c.Catalog == "" && c.Schema == "" && c.TablePrefix == "" {
		key, _ := c.Tables.of(s)
		if c.Tables != (TablesConfig{}) {
			return destination.Destination{}, fmt.Errorf("%s: required for a pipeline of this signal; name the table, or write catalog, schema and table_prefix", key)
		}
		return destination.Destination{}, errors.New("catalog, schema, table_prefix: required; write the three names that the tables have, " +
			"catalog.schema.<table_prefix>_otel_spans, or routes that cover everything")
	}
	l := unity.Location{Catalog: c.Catalog, Schema: c.Schema, Prefix: c.TablePrefix}
	return c.at(l, s)
}

// at is the destination at a location.
func (c *Config) at(l unity.Location, s unity.Signal) (destination.Destination, error) {
	if err := l.Validate(c.Layout); err != nil {
		return destination.Destination{}, err
	}
	if c.Layout == unity.V1 {
		if l.Prefix != "" {
			return destination.Destination{}, fmt.Errorf("table_prefix: %q plays no part in layout v1, whose tables have fixed names; leave it away", l.Prefix)
		}
	}
	return destination.Destination{Signal: s, Layout: c.Layout, Table: l.Table(s, c.Layout), Location: l}, nil
}

// route turns a route into a rule and its target.
func (c *Config) route(r *RouteConfig, s unity.Signal) (route.Rule, target, error) {
	rule := route.Rule{ExperimentID: r.ExperimentID, Attribute: r.Attribute}
	if r.Experiment == "" && r.ExperimentID == "" && r.Attribute == "" {
		return rule, target{}, errors.New("write what it is for: experiment (a name, * stands for any text), experiment_id, or attribute and value")
	}
	if (r.Attribute == "") != (r.Value == "") {
		return rule, target{}, errors.New("attribute, value: write both, the name of a resource attribute and the text that it must have")
	}
	var err error
	if r.Experiment != "" {
		if rule.Experiment, err = glob.Compile(r.Experiment); err != nil {
			return rule, target{}, fmt.Errorf("experiment: %q is not a name or glob; * stands for any text", r.Experiment)
		}
	}
	if r.Value != "" {
		if rule.Value, err = glob.Compile(r.Value); err != nil {
			return rule, target{}, fmt.Errorf("value: %q is not a text or glob; * stands for any text", r.Value)
		}
	}
	if r.FromExperimentTags != "" {
		if r.Catalog != "" || r.Schema != "" || r.TablePrefix != "" {
			return rule, target{}, errors.New("from_experiment_tags: the experiment names the tables; leave catalog, schema and table_prefix away")
		}
		return rule, target{experiment: r.FromExperimentTags}, nil
	}
	l := unity.Location{Catalog: r.Catalog, Schema: r.Schema, Prefix: r.TablePrefix}
	if l.Catalog == "" {
		l.Catalog = c.Catalog
	}
	if l.Schema == "" {
		l.Schema = c.Schema
	}
	d, err := c.at(l, s)
	return rule, target{table: d}, err
}
