// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
)

// seal returns stored bytes: the version of their format and a checksum in front of the body.
// separator, a single character, ends this header.
func seal(version, separator string, body []byte) []byte {
	return append(fmt.Appendf(nil, "%s %08x%s", version, crc32.ChecksumIEEE(body), separator), body...)
}

// sealJSON is seal for a value whose fields are all plain.
func sealJSON(version string, value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return seal(version, " ", body)
}

// unsealJSON reads what sealJSON wrote; no bytes at all are the zero value. Errors are those of unseal.
func unsealJSON[T any](b []byte, what, version string) (value T, err error) {
	if b == nil {
		return value, nil
	}
	_, body, err := unseal(b, what, " ", version)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(body, &value); err != nil {
		var none T
		return none, fmt.Errorf("%w: %s: %w", delivered.ErrDamaged, what, err)
	}
	return value, nil
}

// unseal returns the version and the body of what seal wrote. The version is the given one or one of the
// older ones. what names the stored bytes in an error, which is delivered.ErrDamaged or
// delivered.ErrNewerFormat.
func unseal(b []byte, what, separator, version string, older ...string) (found string, body []byte, err error) {
	head, rest, _ := bytes.Cut(b, []byte(" "))
	sum, body, ok := bytes.Cut(rest, []byte(separator))
	if !ok {
		return "", nil, fmt.Errorf("%w: %s has no header", delivered.ErrDamaged, what)
	}
	if found = string(head); !slices.Contains(older, found) {
		if err := checkVersion(found, version); err != nil {
			return "", nil, err
		}
	}
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) != string(sum) {
		return "", nil, fmt.Errorf("%w: the checksum of %s does not match", delivered.ErrDamaged, what)
	}
	return found, body, nil
}

// checkVersion compares the version in front of stored bytes with the one that is read here; both
// end in a number.
func checkVersion(got, want string) error {
	if got == want {
		return nil
	}
	cut := strings.LastIndexByte(want, '-') + 1
	number, ours := strings.CutPrefix(got, want[:cut])
	theirs, err := strconv.Atoi(number)
	own, _ := strconv.Atoi(want[cut:])
	if ours && err == nil && theirs > own {
		return fmt.Errorf(
			"%w: its format is %s, this version reads %s; run the newer version, or use another storage folder",
			delivered.ErrNewerFormat, got, want)
	}
	return fmt.Errorf("%w: its format is %.40q, this version reads %q", delivered.ErrDamaged, got, want)
}
