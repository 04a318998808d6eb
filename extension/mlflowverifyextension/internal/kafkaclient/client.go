// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package kafkaclient opens clients of Apache Kafka from the keys that the Kafka components of contrib have.
package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.opentelemetry.io/collector/component"
	"golang.org/x/oauth2"
)

// retries bounds how long the client itself tries again: its users ask again and say so.
const retries = 20 * time.Second

// New opens a client. Keys mean what they mean for the Kafka components; more are further options. It asks no broker.
// Extensions that give tokens are found at the host.
func New(ctx context.Context, host component.Host, cfg *configkafka.ClientConfig, more ...kgo.Opt) (*kgo.Client,
	error) {
	opts := []kgo.Opt{kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(cfg.ClientID), kgo.DisableClientMetrics(),
		kgo.RetryTimeout(retries), kgo.ConnIdleTimeout(cfg.ConnIdleTimeout),
		kgo.ConsiderMissingTopicDeletedAfter(0)}
	if cfg.ProtocolVersion != "" {
		v := kversion.FromString(cfg.ProtocolVersion)
		opts = append(opts, kgo.MinVersions(v), kgo.MaxVersions(v))
	}
	tls := cfg.TLS
	if tls == nil {
		tls = cfg.Authentication.TLS
	}
	if tls != nil {
		loaded, err := tls.LoadTLSConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if loaded != nil {
			opts = append(opts, kgo.DialTLSConfig(loaded))
		}
	}
	if p := cfg.Authentication.PlainText; p != nil {
		opts = append(opts, kgo.SASL(plain.Auth{User: p.Username, Pass: p.Password}.AsMechanism()))
	}
	if s := cfg.Authentication.SASL; s != nil {
		mechanism, err := mechanism(host, s)
		if err != nil {
			return nil, fmt.Errorf("auth::sasl: %w", err)
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	return kgo.NewClient(append(opts, more...)...)
}

// Validate is that of the keys, and refuses what is not known here.
func Validate(cfg *configkafka.ClientConfig) error {
	err := cfg.Validate()
	if cfg.Authentication.Kerberos != nil {
		err = errors.Join(err, errors.New("auth::kerberos: not known here; use auth::sasl"))
	}
	return err
}

// TokenSource is the extension that must have started before New, if there is one.
func TokenSource(cfg *configkafka.ClientConfig) (ids []component.ID) {
	if s := cfg.Authentication.SASL; s != nil && s.OAuthBearerTokenSource != (component.ID{}) {
		ids = append(ids, s.OAuthBearerTokenSource)
	}
	return ids
}

// tokenSource is an extension that gives tokens, such as oauth2client.
type tokenSource interface {
	Token(ctx context.Context) (*oauth2.Token, error)
}

func mechanism(host component.Host, s *configkafka.SASLConfig) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	case "AWS_MSK_IAM_OAUTHBEARER":
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, _, err := signer.GenerateAuthToken(ctx, s.AWSMSK.Region)
			return oauth.Auth{Token: token}, err
		}), nil
	case "OAUTHBEARER":
		source, ok := host.GetExtensions()[s.OAuthBearerTokenSource].(tokenSource)
		if !ok {
			return nil, fmt.Errorf("oauthbearer_token_source: extension %s gives no tokens, or is not among "+
				"service::extensions", s.OAuthBearerTokenSource)
		}
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := source.Token(ctx)
			if err != nil {
				return oauth.Auth{}, err
			}
			return oauth.Auth{Token: token.AccessToken}, nil
		}), nil
	}
	return nil, fmt.Errorf("mechanism: %q is not known here", s.Mechanism)
}
