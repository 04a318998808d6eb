// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// expressions are the OTTL of a configuration. Evaluating them logs nothing: what a condition or
// function would log are spans, with their content.
type expressions struct {
	tokenConditions, assessmentConditions []condition
	request, response, model, assessments *expression
}

type condition struct {
	key string
	*ottl.Condition[*ottlspan.TransformContext]
}

type expression struct {
	key string
	*ottl.ValueExpression[*ottlspan.TransformContext]
}

func newExpressions(cfg *Config, set component.TelemetrySettings) (*expressions, error) {
	set.Logger = zap.NewNop()
	functions := ottlfuncs.StandardConverters[*ottlspan.TransformContext]()
	isRoot := ottlfuncs.NewIsRootSpanFactoryNew()
	functions[isRoot.Name()] = isRoot
	parser, err := ottlspan.NewParser(functions, set, ottlspan.EnablePathContextNames())
	if err != nil {
		return nil, err
	}
	var errs []error
	conditions := func(key string, texts []string) (list []condition) {
		for i, t := range texts {
			key := fmt.Sprintf("%s[%d]", key, i)
			c, err := parser.ParseCondition(t)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", key, err))
			}
			list = append(list, condition{key, c})
		}
		return list
	}
	value := func(key, t string) *expression {
		if t == "" {
			return nil
		}
		e, err := parser.ParseValueExpression(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return &expression{key, e}
	}
	return &expressions{
		tokenConditions:      conditions("tokens::conditions", cfg.Tokens.Conditions),
		assessmentConditions: conditions("assessments::conditions", cfg.Assessments.Conditions),
		request:              value("tokens::request", cfg.Tokens.Request),
		response:             value("tokens::response", cfg.Tokens.Response),
		model:                value("tokens::model", cfg.Tokens.Model),
		assessments:          value("assessments::source", cfg.Assessments.Source),
	}, errors.Join(errs...)
}

// evaluation evaluates expressions for one batch after the other.
type evaluation struct {
	mode   ottl.ErrorMode
	failed func(key string) // called for each expression that fails
}

// errExpression is all that is said about a failure: texts of errors quote the values they are
// about.
type errExpression struct {
	key   string
	trace pcommon.TraceID
}

func (e *errExpression) Error() string {
	return fmt.Sprintf("%s can't be evaluated for a span of trace %s; correct it, or let error_mode be ignore", e.key,
		e.trace)
}

// holds reports whether there is no condition or one of them holds.
func (e *evaluation) holds(ctx context.Context, list []condition, s *spans.Span) (bool, error) {
	if len(list) == 0 {
		return true, nil
	}
	tctx := ottlspan.NewTransformContextPtr(s.Resource, s.Scope, s.Span)
	defer tctx.Close()
	for _, c := range list {
		ok, err := c.Eval(ctx, tctx)
		if err != nil {
			if err := e.fail(c.key, s); err != nil {
				return false, err
			}
			continue
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// value returns what an expression gives for a span; ok is false without an expression, without a
// result, and for an error that isn't propagated.
func (e *evaluation) value(ctx context.Context, x *expression, s *spans.Span) (v pcommon.Value, ok bool, err error) {
	if x == nil {
		return v, false, nil
	}
	tctx := ottlspan.NewTransformContextPtr(s.Resource, s.Scope, s.Span)
	defer tctx.Close()
	result, err := x.Eval(ctx, tctx)
	if err != nil {
		return v, false, e.fail(x.key, s)
	}
	v = pcommon.NewValueEmpty()
	switch r := result.(type) {
	case nil:
		return v, false, nil
	case pcommon.Value:
		r.CopyTo(v)
	case pcommon.Map:
		r.CopyTo(v.SetEmptyMap())
	case pcommon.Slice:
		r.CopyTo(v.SetEmptySlice())
	default:
		if v.FromRaw(r) != nil {
			return v, false, e.fail(x.key, s)
		}
	}
	return v, v.Type() != pcommon.ValueTypeEmpty, nil
}

func (e *evaluation) fail(key string, s *spans.Span) error {
	e.failed(key)
	if e.mode == ottl.PropagateError {
		return consumererror.NewPermanent(&errExpression{key, s.TraceID()}) // it would fail again
	}
	return nil
}
