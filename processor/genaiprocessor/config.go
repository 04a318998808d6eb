// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gobwas/glob"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// Config is what a user writes under processors::genai. Nothing is required.
type Config struct {
	// Tokens says what is counted, and how.
	Tokens TokensConfig `mapstructure:"tokens"`
	// Assessments says how scores become attributes.
	Assessments AssessmentsConfig `mapstructure:"assessments"`
	// Cost is the prices of a contract.
	Cost cost.Config `mapstructure:"cost"`
	// Content says what happens to text that people or models wrote, after everything else.
	Content content.Config `mapstructure:"content"`
	// ErrorMode is what happens when a condition or expression fails: ignore (counted and logged
	// once), silent (counted) or propagate (the batch is refused).
	ErrorMode ottl.ErrorMode `mapstructure:"error_mode"`

	empty configkeys.Empty // to explain what Validate finds
}

// TokensConfig configures token counts.
type TokensConfig struct {
	// Engine is what counts: native or tiktoken_go.
	Engine encodings.Engine `mapstructure:"engine"`
	// Spans are the GenAI spans whose text is counted.
	Spans Spans `mapstructure:"spans"`
	// Mode is raw, the JSON text that MLflow holds, or text, what people and models read of it.
	Mode text.Mode `mapstructure:"mode"`
	// Media says whether images and other base64 files in raw JSON text are counted as text: count
	// or skip. Mode text leaves them out.
	Media text.Media `mapstructure:"media"`
	// ChatOverhead adds what OpenAI's chat format adds to the texts of requests.
	ChatOverhead bool `mapstructure:"chat_overhead"`
	// DefaultEncoding is for models whose encoding is not known.
	DefaultEncoding string `mapstructure:"default_encoding"`
	// ModelEncodings come before the built-in table.
	ModelEncodings []encodings.Rule `mapstructure:"model_encodings"`
	// MaxTextSizeMiB bounds how much of one text is counted.
	MaxTextSizeMiB int `mapstructure:"max_text_size_mib"`
	// ZeroWhenMissing writes 0 for a text that isn't there, instead of nothing.
	ZeroWhenMissing bool `mapstructure:"zero_when_missing"`
	// FillMissingUsage writes counted gen_ai.usage.* on model calls that report none.
	FillMissingUsage bool `mapstructure:"fill_missing_usage"`
	// Conditions are OTTL conditions of spans; one of them must hold. None: all spans.
	Conditions []string `mapstructure:"conditions"`
	// Request, Response and Model are OTTL value expressions that say where text and model are
	// found. Nil: at the usual places.
	Request  string `mapstructure:"request"`
	Response string `mapstructure:"response"`
	Model    string `mapstructure:"model"`
}

// AssessmentsConfig configures scores.
type AssessmentsConfig struct {
	scores.Config `mapstructure:",squash"`
	// Conditions are OTTL conditions of the spans that carry assessments; one of them must hold.
	// None: all spans.
	Conditions []string `mapstructure:"conditions"`
	// Source is an OTTL value expression that says where the assessments are. Nil: at the usual
	// places.
	Source string `mapstructure:"source"`
}

// Spans selects spans by their place.
type Spans string

// The selections.
const (
	SpansRoot Spans = "root"
	SpansLLM  Spans = "llm"
	SpansAll  Spans = "all"
	SpansNone Spans = "none"
)

func createDefaultConfig() component.Config {
	return &Config{
		Tokens: TokensConfig{
			Engine:          encodings.EngineNative,
			Spans:           SpansRoot,
			Mode:            text.ModeRaw,
			Media:           text.MediaCount,
			DefaultEncoding: tokens.DefaultEncoding,
			MaxTextSizeMiB:  16,
		},
		Assessments: AssessmentsConfig{Config: scores.NewDefaultConfig()},
		Cost:        cost.Config{Currency: "USD"},
		Content:     content.Config{Action: content.ActionKeep, PersonIDs: content.PersonIDsHash},
		ErrorMode:   ottl.IgnoreError,
	}
}

// meant are names that people know from elsewhere.
var meant = map[string]string{
	"prices": "cost::models", "scores": "assessments", "redact": "content", "redaction": "content", "mask": "content",
	"encoding": "tokens::default_encoding", "encodings": "tokens::model_encodings", "price": "cost",
}

// Unmarshal implements confmap.Unmarshaler.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	return c.empty.Explain(configkeys.Unmarshal(conf, c, meant))
}

// Validate implements confmap.Validator. Every error names the key, the value and the remedy. The
// collector validates the groups itself; their errors are looked for here to explain them.
func (c *Config) Validate() error {
	err := c.validate()
	if err == nil {
		groups := errors.Join(confmap.Validate(&c.Tokens), confmap.Validate(&c.Assessments), confmap.Validate(&c.Cost),
			confmap.Validate(&c.Content))
		return c.empty.Hint(groups)
	}
	return c.empty.Explain(err)
}

func (c *Config) validate() error {
	var errs []error
	if !slices.Contains([]ottl.ErrorMode{ottl.IgnoreError, ottl.SilentError, ottl.PropagateError}, c.ErrorMode) {
		errs = append(errs, fmt.Errorf("error_mode: %q is not one of ignore, silent, propagate", c.ErrorMode))
	}
	if _, err := newExpressions(c, component.TelemetrySettings{}); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Validate implements confmap.Validator.
func (c *TokensConfig) Validate() error {
	var errs []error
	known := func(key, encoding string) {
		if !slices.Contains(tokens.Names(), encoding) {
			errs = append(errs, fmt.Errorf("%s: %q is no encoding; use one of %s", key, encoding,
				strings.Join(tokens.Names(), ", ")))
		}
	}
	if !slices.Contains([]encodings.Engine{encodings.EngineNative, encodings.EngineTiktokenGo}, c.Engine) {
		errs = append(errs, fmt.Errorf("engine: %q is not one of native, tiktoken_go", c.Engine))
	}
	if !slices.Contains([]Spans{SpansRoot, SpansLLM, SpansAll, SpansNone}, c.Spans) {
		errs = append(errs, fmt.Errorf("spans: %q is not one of root, llm, all, none", c.Spans))
	}
	if !slices.Contains([]text.Mode{text.ModeRaw, text.ModeText}, c.Mode) {
		errs = append(errs, fmt.Errorf("mode: %q is not one of raw, text", c.Mode))
	}
	if !slices.Contains([]text.Media{text.MediaCount, text.MediaSkip}, c.Media) {
		errs = append(errs, fmt.Errorf("media: %q is not one of count, skip", c.Media))
	}
	if c.ChatOverhead && c.Mode != text.ModeText {
		errs = append(errs, errors.New("chat_overhead: goes with mode text only; raw JSON text is no chat"))
	}
	known("default_encoding", c.DefaultEncoding)
	for i, r := range c.ModelEncodings {
		key := fmt.Sprintf("model_encodings[%d]", i)
		if _, err := glob.Compile(r.Match); r.Match == "" || err != nil {
			errs = append(errs,
				fmt.Errorf(`%s::match: %q is not the name of a model or a glob; "*" stands for any model`, key,
					r.Match))
		}
		known(key+"::encoding", r.Encoding)
	}
	if c.MaxTextSizeMiB < 1 || c.MaxTextSizeMiB > 1024 {
		errs = append(errs, fmt.Errorf("max_text_size_mib: %d is not between 1 and 1024", c.MaxTextSizeMiB))
	}
	return errors.Join(errs...)
}
