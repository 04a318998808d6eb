// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gobwas/glob"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content/detect"
)

// Action is what happens to content.
type Action string

// The actions, see the package's documentation. The zero Action is Keep.
const (
	ActionKeep Action = "keep"
	ActionDrop Action = "drop"
	ActionMask Action = "mask"
	ActionHash Action = "hash"
)

// PersonIDs is what happens to the ids of users and of the humans among assessors when the action
// isn't Keep.
type PersonIDs string

// The ways. The zero PersonIDs is PersonIDsHash.
const (
	PersonIDsHash PersonIDs = "hash" // equal ids stay equal, and can't be read
	PersonIDsDrop PersonIDs = "drop"
)

// Config says what happens to content.
type Config struct {
	Action Action `mapstructure:"action"`
	// Keep are keys or globs of attributes that drop and hash leave as they are. The word "name"
	// stands for the names of spans and events and for the attributes that repeat them. PersonIDs
	// holds all the same.
	Keep []string `mapstructure:"keep"`
	// PersonIDs is what happens to ids of persons.
	PersonIDs PersonIDs `mapstructure:"person_ids"`
	// HashKey is the secret of the HMAC-SHA256. Required by whatever hashes: the action hash, and
	// every action but keep with PersonIDs hash.
	HashKey configopaque.String `mapstructure:"hash_key"`
	// Detectors are the built-in detectors that mask uses: api_key, email, iban, card, ip, phone.
	// Empty: all of them; "none": only the patterns.
	Detectors []string `mapstructure:"detectors"`
	// PhoneRegions are the countries whose national phone numbers the detector phone finds, as
	// codes of ISO 3166-1 such as DE. Empty: detect.DefaultPhoneRegions; "none": only numbers in
	// international form.
	PhoneRegions []string `mapstructure:"phone_regions"`
	// Patterns are regular expressions (RE2 syntax) whose matches mask replaces by [masked].
	Patterns []string `mapstructure:"patterns"`
}

const (
	keepNames   = "name" // in Keep
	noDetectors = "none" // in Detectors
	noRegions   = "none" // in PhoneRegions
	shortestKey = 16     // bytes
)

// Validate reports the first mistake, with its key, its value and what to write instead.
func (c *Config) Validate() error {
	action := c.Action
	if action == "" {
		action = ActionKeep
	}
	switch action {
	case ActionKeep, ActionDrop, ActionMask, ActionHash:
	default:
		return fmt.Errorf("action is %q; write keep, drop, mask or hash", c.Action)
	}
	if err := c.validateKey(action); err != nil {
		return err
	}
	if len(c.Keep) > 0 && action != ActionDrop && action != ActionHash {
		return fmt.Errorf("keep has %d entries, but action is %s, which needs none; remove them or choose drop or hash",
			len(c.Keep), action)
	}
	if len(c.Detectors)+len(c.Patterns) > 0 && action != ActionMask {
		return fmt.Errorf("detectors or patterns are set, but action is %s; choose mask or remove them", action)
	}
	for i, k := range c.Keep {
		if _, err := glob.Compile(k); err != nil || k == "" {
			return fmt.Errorf("keep[%d] is %q; write the key of an attribute or a glob such as \"mlflow.traceTag.*\"",
				i, k)
		}
	}
	for i, d := range c.Detectors {
		if d == noDetectors && len(c.Detectors) == 1 {
			continue
		}
		if !slices.Contains(detect.Names(), d) {
			return fmt.Errorf("detectors[%d] is %q; write some of %s, or none alone",
				i, d, strings.Join(detect.Names(), ", "))
		}
	}
	if err := c.validateRegions(action); err != nil {
		return err
	}
	for i, p := range c.Patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return fmt.Errorf("patterns[%d] is %q, which is not a regular expression of RE2: %w", i, p, err)
		}
		if re.MatchString("") {
			return fmt.Errorf("patterns[%d] is %q, which matches an empty text; require at least one character", i, p)
		}
	}
	if action == ActionMask && len(c.Detectors) == 1 && c.Detectors[0] == noDetectors && len(c.Patterns) == 0 {
		return errors.New(
			"detectors is none and there are no patterns, so mask would find nothing; write patterns or choose keep")
	}
	return nil
}

// phoneRegions are the regions whose national numbers are to be found, none for no region.
func (c *Config) phoneRegions() []string {
	switch {
	case len(c.PhoneRegions) == 0:
		return detect.DefaultPhoneRegions
	case c.PhoneRegions[0] == noRegions:
		return nil
	}
	return c.PhoneRegions
}

// validateRegions checks PhoneRegions.
func (c *Config) validateRegions(action Action) error {
	if len(c.PhoneRegions) == 0 {
		return nil
	}
	if action != ActionMask {
		return fmt.Errorf("phone_regions is set, but action is %s; choose mask or remove it", action)
	}
	if len(c.Detectors) > 0 && !slices.Contains(c.Detectors, "phone") {
		return errors.New("phone_regions is set, but detectors doesn't list phone, so nothing looks for phone " +
			"numbers; list it or remove phone_regions")
	}
	known := detect.PhoneRegions()
	for i, r := range c.PhoneRegions {
		switch upper := strings.ToUpper(r); {
		case r == noRegions && len(c.PhoneRegions) == 1, slices.Contains(known, r):
		case r == noRegions:
			return fmt.Errorf("phone_regions[%d] is none; write it alone, or only countries", i)
		case slices.Contains(known, upper):
			return fmt.Errorf("phone_regions[%d] is %q; write it in capitals: %s", i, r, upper)
		case upper == "UK":
			return fmt.Errorf("phone_regions[%d] is %q; write GB, the code of the United Kingdom in ISO 3166-1",
				i, r)
		default:
			return fmt.Errorf("phone_regions[%d] is %q, for which no phone numbers are known; write the two letters "+
				"of a country in ISO 3166-1, such as DE", i, r)
		}
	}
	return nil
}

// validateKey checks what is hashed, and with which secret.
func (c *Config) validateKey(action Action) error {
	const secret = "a secret of your own, such as ${env:GENAI_HASH_KEY} made by `openssl rand -hex 32`"
	switch c.PersonIDs {
	case "", PersonIDsHash:
	case PersonIDsDrop:
		if action == ActionKeep {
			return errors.New("person_ids is drop, but action is keep, which leaves everything as it is; choose " +
				"another action or remove it")
		}
	default:
		return fmt.Errorf("person_ids is %q; write hash or drop", c.PersonIDs)
	}
	switch {
	case action == ActionHash && c.HashKey == "":
		return errors.New("hash_key is missing, and action is hash; write " + secret)
	case action != ActionKeep && c.PersonIDs != PersonIDsDrop && c.HashKey == "":
		return fmt.Errorf("hash_key is missing: with action %s ids of users and human assessors are hashed; write "+
			"%s, or person_ids: drop, which removes these ids", action, secret)
	case c.HashKey == "":
	case action == ActionKeep:
		return errors.New(
			"hash_key is set, but action is keep, which hashes nothing; choose another action or remove it")
	case action != ActionHash && c.PersonIDs == PersonIDsDrop:
		return fmt.Errorf("hash_key is set, but action is %s and person_ids is drop, so nothing is hashed; remove "+
			"it or write person_ids: hash", action)
	case len(c.HashKey) < shortestKey:
		return fmt.Errorf("hash_key has %d bytes; write at least %d, such as the output of `openssl rand -hex 32`: "+
			"a short one can be guessed", len(c.HashKey), shortestKey)
	}
	return nil
}
