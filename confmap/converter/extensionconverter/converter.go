// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package extensionconverter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
)

// NewFactory returns the factory of the converter.
func NewFactory() confmap.ConverterFactory {
	return confmap.NewConverterFactory(func(confmap.ConverterSettings) confmap.Converter { return converter{} })
}

type converter struct{}

// Convert implements confmap.Converter.
func (converter) Convert(_ context.Context, conf *confmap.Conf) error {
	return check(conf.ToStringMap())
}

// role is what an extension is named for.
type role string

const (
	clientAuth role = "an authenticator of clients"
	serverAuth role = "an authenticator of servers"
	databricks role = "a sign-in to Databricks (databricks_auth)"
	storage    role = "a storage extension"
	middleware role = "a middleware of this component"
	otlpReader role = "a middleware of OTLP exporters"
	encoding   role = "an encoding"
)

// roles returns what an extension of a known type can be named for; of an unknown type everything is
// possible.
func roles(kind string, cfg map[string]any) (can []role, known bool) {
	switch kind {
	case "basicauth":
		if cfg["client_auth"] != nil {
			can = append(can, clientAuth)
		}
		if cfg["htpasswd"] != nil {
			can = append(can, serverAuth)
		}
		return can, true
	case "bearertokenauth":
		return []role{clientAuth, serverAuth}, true
	case "oauth2client":
		return []role{clientAuth}, true
	case "databricks_auth":
		return []role{clientAuth, databricks}, true
	case "file_storage":
		return []role{storage}, true
	case "mlflow_report":
		return []role{otlpReader}, true
	case "databricks_setup", "health_check", "zpages":
		return nil, true
	}
	return nil, false
}

// reference is an extension that a component names.
type reference struct {
	key string // where, below the component
	id  string
	as  role // "" if not known
}

// check returns what is wrong with the references of a configuration. What it does not understand it
// leaves to the collector.
func check(conf map[string]any) error {
	service := section(conf, "service")
	extensions := section(conf, "extensions")
	started := texts(service["extensions"])
	var errs []error
	for _, c := range used(conf, service, started) {
		for _, r := range references(c) {
			if fault := faultOf(r, extensions, started); fault != "" {
				errs = append(errs, fmt.Errorf("%s::%s::%s: %s", c.group, c.id, r.key, fault))
			}
		}
		if c.group == "extensions" && kind(c.id) == "mlflow_report" {
			if err := refusal(conf, c.cfg); err != nil {
				errs = append(errs, fmt.Errorf("extensions::%s: %w", c.id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// refusal says why an mlflow_report extension would not let the collector start.
func refusal(conf, report map[string]any) error {
	strict, _ := report["strict"].(bool)
	return delivery.Refusal(delivery.Check(conf, texts(report["waits_for_result"])), strict)
}

// faultOf says what is wrong with a reference, or returns "".
func faultOf(r reference, extensions map[string]any, started []string) string {
	cfg, configured := extensions[r.id]
	if !configured {
		return fmt.Sprintf("there is no extension %q; define it under extensions and name it in service::extensions",
			r.id)
	}
	if !slices.Contains(started, r.id) {
		return fmt.Sprintf("the extension %q is not started; name it in service::extensions", r.id)
	}
	settings, _ := cfg.(map[string]any)
	if can, known := roles(kind(r.id), settings); known && r.as != "" && !slices.Contains(can, r.as) {
		return fmt.Sprintf("the extension %q is not %s; name one that is", r.id, r.as)
	}
	return ""
}

// component is one that is started.
type component struct {
	group, id string
	cfg       map[string]any
}

// exportsOTLP reports whether the component is a stock exporter of OTLP.
func (c component) exportsOTLP() bool { return c.group == "exporters" && delivery.IsOTLP(c.id) }

// used returns the components that the collector starts, in the order of their names.
func used(conf, service map[string]any, started []string) []component {
	names := map[string]map[string]bool{"extensions": {}}
	for _, id := range started {
		names["extensions"][id] = true
	}
	for _, pipeline := range section(service, "pipelines") {
		p, _ := pipeline.(map[string]any)
		for _, group := range []string{"receivers", "processors", "exporters"} {
			for _, id := range texts(p[group]) {
				if names[group] == nil {
					names[group] = map[string]bool{}
				}
				names[group][id] = true
			}
		}
	}
	var list []component
	for _, group := range slices.Sorted(maps.Keys(names)) {
		configured := section(conf, group)
		for _, id := range slices.Sorted(maps.Keys(names[group])) {
			value, ok := configured[id]
			if cfg, isMap := value.(map[string]any); isMap || ok && value == nil {
				list = append(list, component{group, id, cfg})
			}
		}
	}
	return list
}

// Keys that name extensions wherever they are in a component.
var (
	authenticatorKey = regexp.MustCompile(`(^|::)auth::authenticator$`)
	middlewareKey    = regexp.MustCompile(`(^|::)middlewares\[\d+\]::id$`)
)

// authenticatorOf returns what the authenticator of a component must be; "" of an unknown type, which
// may be a client or a server.
func authenticatorOf(c component) role {
	if c.exportsOTLP() {
		return clientAuth
	}
	switch c.group + "/" + kind(c.id) {
	case "receivers/mlflow":
		if uri, _ := c.cfg["tracking_uri"].(string); strings.HasPrefix(uri, "databricks") {
			return databricks
		}
		return clientAuth
	case "exporters/databricks", "extensions/databricks_setup":
		return clientAuth
	case "receivers/otlp", "exporters/prometheus", "extensions/health_check", "extensions/zpages":
		return serverAuth
	}
	return ""
}

// middlewareOf returns what the middleware of a component must be.
func middlewareOf(c component) role {
	if c.exportsOTLP() {
		return otlpReader
	}
	return middleware
}

// references returns the extensions that a component names.
func references(c component) []reference {
	var list []reference
	add := func(key string, as role, value any) {
		if id, ok := value.(string); ok && id != "" {
			list = append(list, reference{key, id, as})
		}
	}
	configkeys.Walk("", c.cfg, func(path string, value any) {
		switch {
		case authenticatorKey.MatchString(path):
			add(path, authenticatorOf(c), value)
		case path == "sending_queue::storage":
			add(path, storage, value)
		case middlewareKey.MatchString(path):
			add(path, middlewareOf(c), value)
		}
	})
	switch {
	case c.group == "receivers" && kind(c.id) == "mlflow" && c.cfg["storage"] != "none" && c.cfg["mode"] != "check":
		add("storage", storage, c.cfg["storage"])
	case c.group == "exporters" && kind(c.id) == "file":
		add("encoding", encoding, c.cfg["encoding"])
	}
	return list
}

func section(m map[string]any, key string) map[string]any {
	inner, _ := m[key].(map[string]any)
	return inner
}

// texts returns the strings of a list.
func texts(value any) (list []string) {
	elements, _ := value.([]any)
	for _, e := range elements {
		if s, ok := e.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// kind is the type in the id of a component.
func kind(id string) string {
	k, _, _ := strings.Cut(id, "/")
	return k
}
