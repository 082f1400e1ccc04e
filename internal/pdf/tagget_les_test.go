package pdf

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// lestElement is an element of the structure, as a screen reader has it.
type lestElement struct {
	Merke, Tekst string
	Sider        int // that it is on
}

// lesTagget reads a document as a screen reader does, by the structure, with the reader of
// this package. Its error tells where what is shown and what the structure says part.
func lesTagget(fil []byte) (ut []lestElement, err error) {
	defer func() { // what is not as we write it has other types
		if r := recover(); r != nil {
			err = fmt.Errorf("not as expected: %v", r)
		}
	}()
	d, err := open(context.Background(), bytes.NewReader(fil))
	if err != nil {
		return nil, err
	}
	finn := func(o object, stier ...name) object {
		for _, s := range stier {
			dic, err := d.dict(o)
			if err != nil {
				panic(err)
			}
			o = dic.get(s)
		}
		return o
	}
	data := func(o object) string {
		s, err := d.resolve(o)
		if err != nil {
			panic(err)
		}
		b, err := d.decode(s.(stream))
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	liste := func(o object) array {
		a, err := d.array(o)
		if err != nil {
			panic(err)
		}
		return a
	}
	tegn := map[string]map[string]string{} // by font and code
	sider, err := d.pages()
	if err != nil {
		return nil, err
	}
	type sted struct {
		side ref
		mcid string
	}
	vist, eier := map[sted]string{}, map[sted]object{}
	bfchar := regexp.MustCompile(`(?m)^<(....)> <(.*)>$`)
	biter := regexp.MustCompile(`(?s)/(\w+) <<(.*?)>> BDC\nBT\n(.*?)ET\nEMC\n`)
	op := regexp.MustCompile(`/(F\d) [\d.]+ Tf|<([0-9A-F]*)> Tj`)
	nums := liste(finn(d.root, "StructTreeRoot", "ParentTree", "Nums"))
	for i, p := range sider {
		for font := range map[name]bool{vanligNavn: true, fetNavn: true} {
			if tegn[string(font)] != nil {
				continue
			}
			tegn[string(font)] = map[string]string{}
			for _, m := range bfchar.FindAllStringSubmatch(data(finn(ref(p.nr), "Resources", "Font", font, "ToUnicode")), -1) {
				var u []uint16
				for h := m[2]; h != ""; h = h[4:] {
					n, _ := strconv.ParseUint(h[:4], 16, 16)
					u = append(u, uint16(n))
				}
				tegn[string(font)][m[1]] = string(utf16.Decode(u))
			}
		}
		if got := finn(ref(p.nr), "StructParents"); got != number(fmt.Sprint(i)) || nums[2*i] != got {
			return nil, fmt.Errorf("page %d has StructParents %v, the tree %v", i+1, got, nums[2*i])
		}
		foreldre := liste(nums[2*i+1])
		innhold := liste(finn(ref(p.nr), "Contents"))
		if rest := biter.ReplaceAllString(data(innhold[0]), ""); rest != "" {
			return nil, fmt.Errorf("page %d shows what is not tagged: %.80q", i+1, rest)
		}
		if rest := regexp.MustCompile(`(?s)/Artifact <<.*?EMC\n`).ReplaceAllString(data(innhold[1]), ""); rest != "0.27 g\n" {
			return nil, fmt.Errorf("page %d has at head or foot what is no artifact: %.80q", i+1, rest)
		}
		treff := biter.FindAllStringSubmatch(data(innhold[0]), -1)
		if len(treff) != len(foreldre) {
			return nil, fmt.Errorf("page %d has %d marked parts, and %d parents", i+1, len(treff), len(foreldre))
		}
		for nr, m := range treff {
			mcid, font := strings.TrimPrefix(m[2], "/MCID "), ""
			if mcid != fmt.Sprint(nr) {
				return nil, fmt.Errorf("page %d: part %d is numbered %s", i+1, nr, mcid)
			}
			var b strings.Builder
			for _, o := range op.FindAllStringSubmatch(m[3], -1) {
				if o[1] != "" {
					font = o[1]
				}
				if len(o[2]) > 32767 {
					return nil, fmt.Errorf("a string of %d digits", len(o[2]))
				}
				for h := o[2]; h != ""; h = h[4:] {
					s, ok := tegn[font][h[:4]]
					if !ok || h[:4] == "0000" {
						return nil, fmt.Errorf("page %d shows code %s of %s, which is no letter", i+1, h[:4], font)
					}
					b.WriteString(s)
				}
			}
			vist[sted{ref(p.nr), mcid}] = b.String()
			eier[sted{ref(p.nr), mcid}] = foreldre[nr]
		}
	}
	dok := liste(finn(d.root, "StructTreeRoot", "K"))[0]
	if finn(dok, "S") != name("Document") {
		return nil, fmt.Errorf("the top of the structure is %v", finn(dok, "S"))
	}
	nivaa := 0
	for _, e := range liste(finn(dok, "K")) {
		l := lestElement{Merke: string(finn(e, "S").(name))}
		if h, ok := strings.CutPrefix(l.Merke, "H"); ok {
			n, _ := strconv.Atoi(h)
			if n < 1 || n > min(nivaa+1, 6) {
				return nil, fmt.Errorf("a heading of level %d after one of %d", n, nivaa)
			}
			nivaa = n
		}
		for _, k := range liste(finn(e, "K")) {
			s := sted{finn(k, "Pg").(ref), string(finn(k, "MCID").(number))}
			tekst, ok := vist[s]
			if !ok || eier[s] != e {
				return nil, fmt.Errorf("%s refers to %v, which belongs to %v", l.Merke, s, eier[s])
			}
			delete(vist, s)
			l.Tekst += tekst
			l.Sider++
		}
		ut = append(ut, l)
	}
	if len(vist) > 0 {
		return nil, fmt.Errorf("%d marked parts belong to no element", len(vist))
	}
	return ut, nil
}
