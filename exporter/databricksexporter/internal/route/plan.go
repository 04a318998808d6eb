// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Plan is where the data of one signal goes. The targets of its rules are indexes of Targets.
type Plan struct {
	Rules   Rules
	Targets []Target
}

// Plan works out the destinations of a signal and the rules that lead there. Errors name the key.
func (r *Routing) Plan(s unity.Signal) (*Plan, error) {
	p := &Plan{Rules: Rules{Fallback: None}}
	if len(r.Routes) == 0 || r.OnNoRoute == OnNoRouteDefault {
		d, err := r.fallback(s)
		if err != nil {
			return nil, err
		}
		p.Rules.Fallback = p.add(Target{Table: d})
	}
	var errs []error
	for i := range r.Routes {
		rule, to, err := r.rule(&r.Routes[i], s)
		if err != nil {
			errs = append(errs, fmt.Errorf("routes[%d]: %w", i, err))
			continue
		}
		rule.Target = p.add(to)
		p.Rules.Ordered = append(p.Rules.Ordered, rule)
	}
	return p, errors.Join(errs...)
}

// add returns the index of a target.
func (p *Plan) add(t Target) int {
	for i := range p.Targets {
		if p.Targets[i] == t {
			return i
		}
	}
	p.Targets = append(p.Targets, t)
	return len(p.Targets) - 1
}

// fallback is the destination of what no route concerns.
func (r *Routing) fallback(s unity.Signal) (Destination, error) {
	if key, name := r.Tables.of(s); name != "" {
		n, err := unity.ParseName(name)
		if err != nil {
			return Destination{}, fmt.Errorf("%s: %w", key, err)
		}
		d := Destination{Signal: s, Layout: r.Layout, Table: n}
		d.Location, _ = Locate(n, s)
		return d, nil
	}
	if r.Catalog == "" && r.Schema == "" && r.TablePrefix == "" {
		key, _ := r.Tables.of(s)
		if r.Tables != (TableNames{}) {
			return Destination{}, fmt.Errorf(
				"%s: required for a pipeline of this signal; name the table, or write catalog, schema and table_prefix",
				key,
			)
		}
		return Destination{}, errors.New(
			"catalog, schema, table_prefix: required; write the three names that the tables have, " +
				"catalog.schema.<table_prefix>_otel_spans, or routes that cover everything",
		)
	}
	l := unity.Location{Catalog: r.Catalog, Schema: r.Schema, Prefix: r.TablePrefix}
	return r.at(l, s)
}

// at is the destination at a location.
func (r *Routing) at(l unity.Location, s unity.Signal) (Destination, error) {
	if err := l.Validate(r.Layout); err != nil {
		return Destination{}, err
	}
	if r.Layout == unity.LayoutV1 {
		if l.Prefix != "" {
			return Destination{}, fmt.Errorf(
				"table_prefix: %q plays no part in layout v1, whose tables have fixed names; leave it away",
				l.Prefix,
			)
		}
	}
	return Destination{Signal: s, Layout: r.Layout, Table: l.Table(s, r.Layout), Location: l}, nil
}

// rule turns a route into a rule and its target.
func (r *Routing) rule(to *Route, s unity.Signal) (Rule, Target, error) {
	rule := Rule{ExperimentID: to.ExperimentID, Attribute: to.Attribute}
	if to.Experiment == "" && to.ExperimentID == "" && to.Attribute == "" {
		return rule, Target{}, errors.New(
			"write what it is for: experiment (a name, * stands for any text), experiment_id, or attribute and value",
		)
	}
	if (to.Attribute == "") != (to.Value == "") {
		return rule, Target{}, errors.New(
			"attribute, value: write both, the name of a resource attribute and the text that it must have",
		)
	}
	var err error
	if to.Experiment != "" {
		if rule.Experiment, err = glob.Compile(to.Experiment); err != nil {
			return rule, Target{}, fmt.Errorf(
				"experiment: %q is not a name or glob; * stands for any text",
				to.Experiment,
			)
		}
	}
	if to.Value != "" {
		if rule.Value, err = glob.Compile(to.Value); err != nil {
			return rule, Target{}, fmt.Errorf("value: %q is not a text or glob; * stands for any text", to.Value)
		}
	}
	if to.FromExperimentTags != "" {
		if to.Catalog != "" || to.Schema != "" || to.TablePrefix != "" {
			return rule, Target{}, errors.New(
				"from_experiment_tags: the experiment names the tables; leave catalog, schema and table_prefix away",
			)
		}
		return rule, Target{Experiment: to.FromExperimentTags}, nil
	}
	l := unity.Location{Catalog: to.Catalog, Schema: to.Schema, Prefix: to.TablePrefix}
	if l.Catalog == "" {
		l.Catalog = r.Catalog
	}
	if l.Schema == "" {
		l.Schema = r.Schema
	}
	d, err := r.at(l, s)
	return rule, Target{Table: d}, err
}
