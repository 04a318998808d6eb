// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// ibanLengths are the lengths of the IBANs of each country, from the registry of ISO 13616.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
	"BY": 28, "CH": 21, "CR": 22,
	"CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18,
	"FO": 18, "FR": 27, "GB": 22,
	"GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23,
	"IS": 26, "IT": 27, "JO": 30,
	"KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24,
	"ME": 22, "MK": 19, "MN": 20,
	"MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
	"QA": 29, "RO": 24, "RS": 22,
	"RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
	"TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// findIBAN finds international bank account numbers, in one piece or in groups, with the length of
// the country and a right checksum.
func findIBAN(s string, from int, _ string) (int, int) {
	for i := from; i+4 < len(s); i++ {
		if !isAlpha(s[i]) || !isAlpha(s[i+1]) || !isDigit(s[i+2]) || !begins(s, i) {
			continue
		}
		if end := ibanEnd(s, i); end > 0 {
			return i, end
		}
	}
	return -1, -1
}

// ibanEnd returns where the IBAN at start ends, or -1 if there is none.
func ibanEnd(s string, start int) int {
	if start+4 >= len(s) || !isAlpha(s[start]) || !isAlpha(s[start+1]) || !isDigit(s[start+2]) || !isDigit(s[start+3]) {
		return -1
	}
	length := ibanLengths[string([]byte{s[start] &^ 0x20, s[start+1] &^ 0x20})]
	if length == 0 {
		return -1
	}
	rest := 0 // of the division by 97 of the account's characters
	i, n := start+4, 4
	for n < length {
		if r, width := first(s[i:]); isSpace(r) || isHyphen(r) {
			i += width
		}
		if i >= len(s) {
			return -1
		}
		switch c := s[i]; {
		case isDigit(c):
			rest = (rest*10 + int(c-'0')) % 97
		case isAlpha(c):
			rest = (rest*100 + int(c|0x20-'a') + 10) % 97
		default:
			return -1
		}
		i++
		n++
	}
	for _, c := range []byte{s[start], s[start+1]} {
		rest = (rest*100 + int(c|0x20-'a') + 10) % 97
	}
	rest = (rest*100 + int(s[start+2]-'0')*10 + int(s[start+3]-'0')) % 97
	if rest != 1 || !ends(s, i) {
		return -1
	}
	return i
}

// inIBAN reports whether the text at i belongs to an IBAN that begins before.
func inIBAN(s string, i int) bool {
	const longest = 45 // with spaces
	for start := i - 1; start >= 0 && i-start <= longest; start-- {
		if c := s[start]; !isAlpha(c) && !isDigit(c) && c != ' ' && c != '-' {
			return false
		}
		if begins(s, start) && ibanEnd(s, start) > i {
			return true
		}
	}
	return false
}
