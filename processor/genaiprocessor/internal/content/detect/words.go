// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"unicode"
)

// evidence is what the text around a number says about it.
type evidence uint8

const (
	unsaid evidence = iota
	isPhone
	isOther
)

const (
	window       = 64 // bytes before a number that are read
	farWords     = 8  // words further away than this say nothing
	nearWords    = 3  // words as near as this say what the number is
	longestValue = 64 // bytes; the key of a longer text says nothing about a number in it
)

// surroundings tells what the words before s[start:end], those just behind it, or the key whose
// value s is say about the number there.
func surroundings(s string, start, end int, key string) evidence {
	before := s[max(0, start-window):start]
	if e := said(before, start > window); e != unsaid {
		return e
	}
	if saidAfter(s[end:min(len(s), end+window/2)]) {
		return isPhone
	}
	if key == "" || len(s) > longestValue {
		return unsaid
	}
	e := said(key, false)
	if e == isOther && (strings.TrimSpace(s[:start]) != "" || strings.TrimSpace(s[end:]) != "") {
		return unsaid
	}
	return e
}

// said looks at words from the last one on; the first that says what a number is decides. cut says
// that the first word may lack its beginning.
func said(s string, cut bool) evidence {
	words, numbers, apart := 0, false, false
	for words < farWords {
		word, of, rest := lastWord(s)
		if word == "" || cut && rest == "" {
			return unsaid
		}
		if strings.ContainsAny(s[len(rest)+len(word):], ",;!?\n。，；！？、") {
			apart = true
		}
		s = rest
		if of == other {
			if e := saidByStems(word); e != unsaid {
				return e
			}
			words++
			continue
		}
		w := strings.ToLower(word)
		if w == "app" && strings.HasSuffix(rest, "Whats") {
			w = "whatsapp"
		}
		switch {
		case of == common: // the number of something else
			apart = true
			words++
		case phoneWords[w] || hasStem(w, phoneStems):
			if w == "call" || w == "calls" {
				if before, _, _ := lastWord(s); callers[strings.ToLower(before)] {
					return isOther
				}
			}
			return isPhone
		case numberWords[w]:
			numbers = true
		case possessive[w] && numbers && !apart:
			return isPhone
		case otherWords[w] || hasStem(w, otherStems):
			if !apart {
				if words < nearWords {
					return isOther
				}
				return unsaid
			}
			words++
		case !fillers[w]:
			words++
		}
	}
	return unsaid
}

// saidAfter reports whether the words just behind a number say that it is one of a phone.
func saidAfter(s string) bool {
	for range 4 {
		s = strings.TrimLeft(s, " ()[]-,:")
		n := 0
		for n < len(s) && isAlpha(s[n]) {
			n++
		}
		w := strings.ToLower(s[:n])
		if n == 0 {
			return false
		}
		if devices[w] {
			return true
		}
		if !fillers[w] && !possessive[w] && !numberWords[w] {
			return false
		}
		s = s[n:]
	}
	return false
}

// lastWord returns the last word of s, its script, and what stands before it. Words are letters of
// one script, or digits; in names such as phoneNumber and phone_number there are two.
func lastWord(s string) (word string, of script, before string) {
	end := len(s)
	for end > 0 {
		r, n := last(s[:end])
		if scriptOf(r) != none {
			break
		}
		end -= n
	}
	i, upper := end, false
	for i > 0 {
		r, n := last(s[:i])
		is := scriptOf(r)
		if is == none || of == none && is == common && !unicode.IsDigit(r) {
			if is == none {
				break
			}
			i -= n // marks of the letter before
			continue
		}
		digit := unicode.IsDigit(r)
		if of == none {
			of = is
		} else if is == common && digit != (of == common) || is != common && is != of {
			break
		}
		if is == latin && upper && unicode.IsLower(r) { // phone|Number
			break
		}
		i -= n
		upper = is == latin && unicode.IsUpper(r)
	}
	return s[i:end], of, s[:i]
}

func hasStem(word string, stems []string) bool {
	for _, stem := range stems {
		if strings.HasPrefix(word, stem) {
			return true
		}
	}
	return false
}

// saidByStems looks for parts of words in scripts without spaces; the last one decides.
func saidByStems(word string) evidence {
	word = strings.ToLower(word)
	e, at := unsaid, -1
	for _, stem := range phoneParts {
		if i := strings.LastIndex(word, stem); i >= 0 && i+len(stem) > at {
			e, at = isPhone, i+len(stem)
		}
	}
	for _, stem := range otherParts {
		if i := strings.LastIndex(word, stem); i >= 0 && i+len(stem) > at {
			e, at = isOther, i+len(stem)
		}
	}
	return e
}

// unit reports whether a unit stands at the beginning of s: what comes before is an amount.
func unit(s string) bool {
	s = strings.TrimLeft(s, " \u00a0\u202f")
	n := 0
	for n < len(s) && n < 12 {
		r, width := first(s[n:])
		if scriptOf(r) != latin {
			break
		}
		n += width
	}
	if n == 0 {
		r, _ := first(s)
		return unicode.Is(unicode.Sc, r) || strings.ContainsRune("%元円원万億亿", r)
	}
	return units[strings.ToLower(s[:n])]
}

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// Lower case. A word that is in none of these lists says nothing.
var (
	// devices are words that speak of a phone wherever they stand.
	devices = wordSet(`phone phones telephones telephone telephones mobile mobil cell cellphone tel telf tlf fax
		whatsapp viber msisdn handy festnetz landline
		téléphone telephone portable teléfono telefono móvil movil celular telefone telemóvel cellulare telefoon
		telefon komórka hotline voicemail telegram`)

	phoneWords = func() map[string]bool {
		all := wordSet(`call calls calling called ring dial contact contacts reach reached sms texting rufnummer
			mobilnummer handynummer anrufen rufen
			ruf erreichbar erreichen appelez appeler joindre llame llamar llámame llama contacto ligue ligar
			contato chiama chiamare chiamami contatto
			bel bellen zadzwoń ara arayın hubungi telepon ponsel gọi thoại sđt tawagan`)
		for w := range devices {
			all[w] = true
		}
		return all
	}()
	phoneStems = []string{
		"telefon", "telephon", "téléphon", "teléfon", "phonen", "mobilfunk", "mobiltel", "kontakt", "whatsapp",
	}

	// callers call functions.
	callers = wordSet(`tool function api llm model method rpc system agent recursive last this per each`)

	// fillers don't count; numberWords don't either, but their owner may be a person.
	fillers = wordSet(`is at on to in of the a an me us back please or and with via under by it this for you can
		i be s m
		ist unter am auf an mich uns zurück bitte oder und mit est au sur à le la un moi nous ou et es al en el
		una o y por favor è il lo un mi
		é no ao em e eu me op mij te de der die das den dem`)
	numberWords = wordSet(`number numbers no nr num nummer numéro numero número nº n° numer`)
	possessive  = wordSet(`my your his her their our meine deine ihre seine unsere mein mon ma votre mi su mio suo
		meu seu sua mijn uw`)

	otherWords = wordSet(`id ids uid uuid guid order orders invoice invoices ticket tickets case ref reference
		account acct acc session serial sku part isbn issn
		ean upc gtin asin doi pmid version versions ver build release rev revision commit epoch timestamp
		timestamps unix ts date dated datetime
		amount price total sum subtotal cost costs balance revenue budget salary tokens token seed hash checksum
		port pid zip zipcode postcode postal
		plz tracking policy contract iban bic swift vat tax tin ssn card article sku patent row page size
		bytes offset index score population
		distance usd eur gbp jpy inr cny chf cad aud mxn brl rub try krw million billion latitude longitude lat
		lon coordinates ip ms ns duration latency transaction txn
		payment receipt booking reservation flight parcel shipment barcode license license plate vin imei imsi
		iccid trace span count quantity qty
		cin passport nino dni nif nie cpf cnpj cuit curp rfc siret siren nir steuernummer steuer
		konto bestellung bestellnr auftrag rechnung commande facture compte pedido factura cuenta ordine fattura
		conto fatura conta zamówienie faktura
		bestelling factuur sipariş pesanan`)
	otherStems = []string{
		"bestellnummer", "rechnung", "kundennummer", "auftragsn", "sendung", "seriennummer", "kontonummer",
		"artikel", "vorgang",
		"invoice", "transact", "aktenzeichen", "matrikel", "versicherung", "personalausweis",
	}

	// phoneParts and otherParts are parts of words in scripts other than Latin.
	phoneParts = []string{
		"电话", "電話", "手机", "手機", "拨打", "撥打", "致电", "致電", "打给", "请打", "拨", "联系", "聯繫", "聯絡", "号码是", "我的号码", "携帯", "連絡",
		"휴대폰", "전화", "연락", "핸드폰", "тел", "звон", "мобильн", "هاتف", "جوال", "موبايل", "اتصل", "فون",
		"फोन", "फ़ोन", "मोबाइल", "कॉल", "โทร", "มือถือ", "ফোন", "মোবাইল", "τηλ",
	}
	otherParts = []string{
		"订单", "訂單", "编号", "編號", "单号", "單號", "金额", "金額", "账号", "賬號", "帐号", "身份证", "发票", "快递", "注文", "伝票", "口座",
		"会員番号", "주문", "계좌", "송장", "заказ", "счет", "счёт", "инн", "накладн",
		"طلب", "فاتورة", "حساب", "ऑर्डर", "चालान", "खाता", "คำสั่งซื้อ", "ออเดอร์", "অর্ডার",
	}

	units = wordSet(`usd eur gbp jpy inr cny chf cad aud mxn brl rub try krw dollars dollar euros euro pounds
		yen rupees yuan
		ms ns us µs s sec secs seconds second minutes minute min hours hour h days d weeks months years
		b kb mb gb tb kib mib gib bytes byte bits bit tokens token km m cm mm kg g mg lb lbs t tons hz khz mhz
		ghz w kw mw gw kwh v a px
		items rows records users people persons requests times units pieces pcs percent pct degrees points votes views`)
)
