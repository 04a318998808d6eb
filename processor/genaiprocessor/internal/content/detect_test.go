// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func maskerOf(patterns ...string) *masker { return newMasker(&Config{Patterns: patterns}) }

func TestPlain(t *testing.T) {
	m := maskerOf(`TICKET-\d+`)
	key := "sk-" + strings.Repeat("a1B2", 8)
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
	pem := "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
	for in, want := range map[string]string{
		"":                                            "",
		"mail alice@example.com, now":                 "mail [email], now",
		"Alice <a.l+x@mail.example.co.uk>.":           "Alice <[email]>.",
		"me@x.com-thanks":                             "[email]-thanks",
		"alice%40example.com":                         "[email]",
		"jörg@exämple.de":                             "[email]",
		"a@b and @alice and x@localhost":              "a@b and @alice and x@localhost",
		"a@b.c1 v@1.2":                                "a@b.c1 v@1.2",
		`cut {"text": "Hi\nalice@example.com`:         `cut {"text": "Hi\n[email]`,
		`é\u00e9a@example.com`:                        `é\u00e9[email]`,
		`C:\\nina@example.com`:                        `C:\\[email]`,
		"a@x.com;b@y.org":                             "[email];[email]",
		"4111 1111 1111 1111":                         "[card]",
		"card 4111-1111-1111-1111 12/27":              "card [card] 12/27",
		"no 12 4111111111111111.":                     "no 12 [card].",
		"4111111111111112":                            "4111111111111112",
		"x4111111111111111 0.4111111111111111":        "x4111111111111111 0.4111111111111111",
		"1764000000000000000":                         "1764000000000000000",
		"378282246310005":                             "[card]",
		"host 10.0.0.1:8080.":                         "host [ip]:8080.",
		"10.0.0.1.":                                   "[ip].",
		"v1.2.3.4 1.2.3 1.2.3.4.5 300.1.1.1":          "v1.2.3.4 1.2.3 1.2.3.4.5 300.1.1.1",
		"at 2001:db8::8a2e:370:7334,":                 "at [ip],",
		"fe80::1%eth0 std::vector 12:30:45":           "[ip]%eth0 std::vector 12:30:45",
		"00:1a:2b:3c:4d:5e":                           "00:1a:2b:3c:4d:5e",
		"+49 (0)30 1234567":                           "[phone]",
		"call (555) 123-4567 or 555-123-4567":         "call [phone] or [phone]",
		"555-123-4567 555-123-4567  +49 30 1234567 0": "[phone] [phone]  [phone]",
		"1-555-123-4567":                              "[phone]",
		"0049 30 1234567":                             "[phone]",
		"2026-11-21 1 + 12345678 12345678":            "2026-11-21 1 + 12345678 12345678",
		key:                                           "[api_key]",
		"OPENAI=" + key + ";":                         "OPENAI=[api_key];",
		"ask-" + strings.Repeat("a", 30):              "ask-" + strings.Repeat("a", 30),
		"AKIAIOSFODNN7EXAMPLE":                        "[api_key]",
		"Authorization: Bearer " + jwt:                "Authorization: Bearer [api_key]",
		"token=" + jwt:                                "token=[api_key]",
		"eyJhbGciOiJIUzI1NiJ9-no-dots-here":           "eyJhbGciOiJIUzI1NiJ9-no-dots-here",
		"-----BEGIN CERTIFICATE----- " + pem:          "-----BEGIN CERTIFICATE----- [api_key]",
		pem[:40]:                                      "[api_key]",
		"see TICKET-17":                               "see [masked]",
		"bad \xff alice@example.com \xff":             "bad \xff [email] \xff",
		"请联系alice@example.com谢谢":                      "请联系[email]谢谢",
		"メールはalice@example.co.jpまで。":                  "メールは[email]まで。",
		"메일은 alice@example.com으로":                     "메일은 [email]으로",
		"邮箱：alice＠example.com，谢谢":                     "邮箱：[email]，谢谢",
		"почта иван@почта.рф, да":                     "почта [email], да",
		"用户@例子.广告":                                    "[email]",
		"a@b.c谢谢 @张三 你好":                              "a@b.c谢谢 @张三 你好",
		"x@mail.xn--p1ai.":                            "[email].",
		"jose\u0301@example.com":                      "[email]",
		"地址10.0.0.1是":                                 "地址[ip]是",
		"卡号4111111111111111。":                         "卡号[card]。",
		"４１１１　１１１１　１１１１　１１１１":                                 "[card]",
		"密钥" + key + "泄露":                                     "密钥[api_key]泄露",
		"é10.0.0.1 ß4111111111111111":                         "é10.0.0.1 ß4111111111111111",
		"+4915112345678":                                      "[phone]",
		"4915112345678":                                       "[card]",
		"+4111111111111111":                                   "+[card]",
		"DE89370400440532013000":                              "[iban]",
		"IBAN DE89 3704 0044 0532 0130 00.":                   "IBAN [iban].",
		"GB29 NWBK 6016 1331 9268 19, gb29nwbk60161331926819": "[iban], [iban]",
		"DE88370400440532013000":                              "DE88370400440532013000",
		"DE89 3704 0044 0532 0130 001":                        "DE89 3704 0044 0532 0130 001",
		"打到DE89370400440532013000账户":                          "打到[iban]账户",
	} {
		got, changed := m.plain(in, "")
		assert.Equal(t, want, got)
		assert.Equal(t, in != want, changed)
		again, _ := m.plain(got, "")
		assert.Equal(t, got, again, "idempotent")
	}
}

// What a detector that isn't used would have found is not taken for something else.
func TestSomeDetectors(t *testing.T) {
	for in, detectors := range map[string][]string{
		"DE89 3704 0044 0532 0130 00":       {"card", "phone"},
		"FR76 3000 6000 0112 3456 7890 189": {"card", "phone", "ip"},
		"+4915112345678":                    {"card"},
		"10.0.0.1 192.168.100.200":          {"phone", "card"},
		"alice@example.com 0151 12345678":   {"iban", "ip"},
	} {
		got, changed := newMasker(&Config{Detectors: detectors}).plain(in, "")
		assert.Equal(t, in, got)
		assert.False(t, changed)
	}
}

func TestPhoneRegions(t *testing.T) {
	const text = "0151 12345678, 06 12 34 56 78, 555-123-4567, +33 6 12 34 56 78"
	for want, regions := range map[string][]string{
		"[phone], [phone], [phone], [phone]":                   nil,
		"0151 12345678, [phone], 555-123-4567, [phone]":        {"FR"},
		"0151 12345678, 06 12 34 56 78, [phone], [phone]":      {"CA"},
		"0151 12345678, 06 12 34 56 78, 555-123-4567, [phone]": {"none"},
	} {
		got, _ := newMasker(&Config{PhoneRegions: regions}).plain(text, "")
		assert.Equal(t, want, got)
	}
}

func TestJSONText(t *testing.T) {
	m := maskerOf()
	for in, want := range map[string]string{
		`{"a" :  "Hi\nalice@example.com\t", "n": 1.50}`:              `{"a" :  "Hi\n[email]\t", "n": 1.50}`,
		`{"b": "x@example.com", "a": [null, true, "y@example.org"]}`: `{"b": "[email]", "a": [null, true, "[email]"]}`,
		`{"hidden": "\u0061lice\u0040example.com"}`:                  `{"hidden": "[email]"}`,
		`{"card": 4111111111111111, "id": 41111111111111111111}`:     `{"card": "[card]", "id": 41111111111111111111}`,
		`{"args": "{\"to\": \"alice@example.com\"}"}`:                `{"args": "{\"to\": \"[email]\"}"}`,
		`{"a@example.com": 1, "b@example.com": 2, "c": "d"}`:         `{"[email]": 1, "[email]#2": 2, "c": "d"}`,
		`"alice@example.com"`:                                        `"[email]"`,
		`["unchanged"]`:                                              `["unchanged"]`,
		`{"cut": "alice@example.com`:                                 `{"cut": "[email]`,
		`{alice@example.com}`:                                        `{[email]}`,
		`{"phone": "98765 43210", "id": "98765 43210"}`:              `{"phone": "[phone]", "id": "98765 43210"}`,
		`{"phones": ["98765 43210", 9876543210], "ids": [1]}`:        `{"phones": ["[phone]", "[phone]"], "ids": [1]}`,
		`{"phone": 17, "x": {"mobile": 9876543210.5}}`:               `{"phone": 17, "x": {"mobile": 9876543210.5}}`,
		`{"args": "{\"phone\": \"98765 43210\"}"}`:                   `{"args": "{\"phone\": \"[phone]\"}"}`,
		`{"text": "请拨打13812345678"}`:                                 `{"text": "请拨打[phone]"}`,
	} {
		got, changed := m.text(in, "", 0)
		assert.Equal(t, want, got)
		assert.Equal(t, in != want, changed)
	}
}
