// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// findCard finds numbers of payment cards: 13 to 19 digits, alone or in groups, with the start and
// length of an issuer and a right Luhn checksum. What follows a + or is part of an IBAN is none.
func findCard(s string, from int, _ string) (int, int) {
	for i := nextDigit(s, from); i < len(s); i = nextDigit(s, i) {
		if begins(s, i) && !(i > 0 && s[i-1] == '.') {
			if end := cardEnd(s, i); end > 0 && !inIBAN(s, i) {
				return i, end
			}
		}
		i = digitsEnd(s, i)
	}
	return -1, -1
}

// digitsEnd returns where the run of digits at i ends.
func digitsEnd(s string, i int) int {
	for {
		_, n := digitAt(s, i)
		if n == 0 {
			return i
		}
		i += n
	}
}

func cardEnd(s string, start int) int {
	const longest, longestPhone = 19, 15
	var digits [longest]byte
	n, found := 0, -1
	before, _ := last(s[:start])
	phone := before == '+' || before == '＋'
	for i := start; i < len(s); {
		if d, width := digitAt(s, i); width > 0 {
			if n == longest {
				break
			}
			digits[n] = d - '0'
			n++
			i += width
			if n >= 13 && ends(s, i) && issued(digits[:n]) && luhn(digits[:n]) && (!phone || n > longestPhone) {
				found = i
			}
			continue
		}
		r, width := first(s[i:])
		if _, digit := digitAt(s, i+width); digit == 0 || !isSpace(r) && !isHyphen(r) {
			break
		}
		i += width
	}
	return found
}

// issued reports whether an issuer of cards has numbers that begin like this and are as long.
func issued(d []byte) bool {
	two := int(d[0])*10 + int(d[1])
	four := two*100 + int(d[2])*10 + int(d[3])
	switch n := len(d); {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two == 34 || two == 37: // American Express
		return n == 15
	case two >= 51 && two <= 55 || four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499 || two == 62 || two == 35: // Discover, UnionPay, JCB
		return n >= 16
	case two == 36 || two == 38 || two == 39 || four >= 3000 && four <= 3059: // Diners Club
		return n >= 14
	case two == 50 || two >= 56 && two <= 69: // Maestro
		return true
	}
	return false
}

// luhn reports whether the last digit is the checksum of ISO/IEC 7812-1 of those before it.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i])
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
