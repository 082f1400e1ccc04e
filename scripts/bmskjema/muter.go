package main

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// verdi is put in the place of every value.
type verdi struct {
	hva string
	ny  any
}

var verdier = []verdi{
	{"null", nil}, {"a number", 7}, {"a fraction", 0.5}, {"true", true}, {"false", false}, {"an empty list", []any{}}, {"an empty object", map[string]any{}}, {"a list of null", []any{nil}}, {"a list of objects", []any{map[string]any{}}},
	{"an empty text", ""}, {"a text", "tekst"}, {"a long text", strings.Repeat("lang ", 1000)}, {"a space", " "}, {"æøå", "ÆØÅ æøå Áŋŧ"}, {"other letters", "日本 😀 مرحبا"},
	{"a line feed", "en\nto"}, {"a line feed at the end", "en\n"}, {"a line feed alone", "\n"}, {"a carriage return", "en\rto"}, {"both", "en\r\nto"}, {"a line separator", "en\u2028to"}, {"a paragraph separator", "en\u2029to"},
	{"a next line", "en\u0085to"}, {"a tab", "en\tto"}, {"a zero", "en\x00to"},
	{"two digits", "02"}, {"three digits", "460"}, {"four digits", "4601"}, {"five digits", "46011"}, {"four digits and a line feed", "4601\n"}, {"two digits of another script", "٠٢"}, {"four digits of another script", "٤٦٠١"},
	{"a telephone", "+47 12-34 56"}, {"a plain telephone", "12345678"}, {"two spaces in a telephone", "12  34"}, {"a telephone with a space first", " 1234"}, {"a telephone that ends with a hyphen", "1234-"}, {"two plusses", "++47"}, {"a plus within", "12+34"},
	{"brackets", "(47) 1234"}, {"a telephone and a line feed", "12345678\n"}, {"a telephone with words", "12345678 (jobb)"},
	{"an e-mail address", "a.b@c-d.no"}, {"a plus in it", "a+b@c.no"}, {"æøå in it", "æøå_-9@æøå.no"}, {"é in it", "é@a.no"}, {"no domain", "a@b"}, {"a domain of one letter", "a@b.c"}, {"æ last", "a@b.næ"}, {"digits last", "a@b.12"}, {"a dot first", ".a@b.no"},
	{"a dot last", "a.@b.no"}, {"two dots", "a..b@c.no"}, {"two @", "a@b@c.no"}, {"many parts", "a.b.c@d.e.f.no"}, {"underscore in the domain", "a@b_c.no"}, {"a line feed after it", "a@b.no\n"}, {"a name before it", "A <a@b.no>"}, {"capitals", "A@B.NO"},
	{"a time", "2021-11-08T09:24:45"}, {"a time with zone", "2021-11-08T09:24:45+01:00"},
}

// mutasjon is a document, and what was done to it.
type mutasjon struct {
	hva      string
	dokument any
}

// endring is one change of a document.
type endring struct {
	hva  string
	gjor func(rot any) any
}

// muter gives the document itself, every document that differs from it in one place
// (a member left out, added, or of another value; a list longer, shorter or empty), and
// flere that differ in several.
func muter(rot any, flere int) iter.Seq[mutasjon] {
	return func(yield func(mutasjon) bool) {
		if m, ok := rot.(map[string]any); ok { // the published example lacks what V2 adds
			if melding, ok := m["melding"].(map[string]any); ok {
				melding["andreSynspunkter"] = "Helsesykepleier er enig."
			}
		}
		if !yield(mutasjon{"as it is", rot}) {
			return
		}
		alle := endringer(rot)
		for _, e := range alle {
			if !yield(mutasjon{e.hva, e.gjor(rot)}) {
				return
			}
		}
		tilfeldig := rand.New(rand.NewPCG(11, 1)) //nolint:gosec // the same each time
		for range flere {
			m := mutasjon{dokument: rot}
			for range 2 + tilfeldig.IntN(3) {
				e := alle[tilfeldig.IntN(len(alle))]
				m.hva, m.dokument = m.hva+"; "+e.hva, e.gjor(m.dokument)
			}
			if !yield(m) {
				return
			}
		}
	}
}

func endringer(rot any) (ut []endring) {
	gaa(rot, nil, func(sti []string, v any) {
		hvor := strings.Join(sti, ".")
		legg := func(hva string, ny any, bort bool) {
			ut = append(ut, endring{hvor + ": " + hva, func(rot any) any { return sett(rot, sti, ny, bort) }})
		}
		for _, ny := range verdier {
			legg(ny.hva, ny.ny, false)
		}
		if len(sti) > 0 {
			legg("left out", nil, true)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, navn := range []string{"tillegg", "", "personNavn", "$ref"} {
				stor := maps.Clone(v)
				stor[navn] = map[string]any{"x": []any{nil}}
				legg("a member more: "+navn, stor, false)
			}
		case []any:
			for _, n := range []int{2, 3, 60} {
				legg(fmt.Sprintf("%d times", n), slices.Repeat(v, n), false)
			}
		}
	})
	return ut
}

// gaa visits every value, in the same order each time.
func gaa(v any, sti []string, fn func(sti []string, v any)) {
	fn(slices.Clone(sti), v)
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			gaa(v[k], append(sti, k), fn)
		}
	case []any:
		for i, x := range v {
			gaa(x, append(sti, fmt.Sprint(i)), fn)
		}
	}
}

// sett is a copy of v with another value at sti, or without it. A place that is no more
// stays away.
func sett(v any, sti []string, ny any, bort bool) any {
	if len(sti) == 0 {
		return ny
	}
	switch v := v.(type) {
	case map[string]any:
		ut := maps.Clone(v)
		under, finnes := v[sti[0]]
		switch {
		case len(sti) == 1 && bort:
			delete(ut, sti[0])
		case len(sti) == 1 || finnes:
			ut[sti[0]] = sett(under, sti[1:], ny, bort)
		}
		return ut
	case []any:
		ut := slices.Clone(v)
		for i := range ut {
			if fmt.Sprint(i) != sti[0] {
				continue
			}
			if len(sti) == 1 && bort {
				return slices.Delete(ut, i, i+1)
			}
			ut[i] = sett(v[i], sti[1:], ny, bort)
		}
		return ut
	}
	return v
}
