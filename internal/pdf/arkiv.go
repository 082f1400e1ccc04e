package pdf

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf16"
)

const produsent = "Knutepunkt"

// kortTittel is a title as a window shows it: PDF/A ends strings at 32767 bytes.
func kortTittel(s string) string {
	const maks = 500
	if r := []rune(s); len(r) > maks {
		return string(r[:maks-1]) + "…"
	}
	return s
}

// utf16Streng is text as a PDF string.
func utf16Streng(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String() + ">"
}

// xmpPakke is the metadata of a document that says it is PDF/A-2a (ISO 19005-2, 6.6) and PDF/UA-1
// (ISO 14289-1, 5). PDF/A wants to be told what pdfuaid is.
func xmpPakke(tittel, spraak string, laget time.Time) string {
	var t bytes.Buffer
	_ = xml.EscapeText(&t, []byte(tittel)) // to memory
	tid := laget.UTC().Format("2006-01-02T15:04:05Z")
	return `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + t.String() + `</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>` + spraak + `</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>` + tid + `</xmp:CreateDate>
<xmp:ModifyDate>` + tid + `</xmp:ModifyDate>
<pdf:Producer>` + produsent + `</pdf:Producer>
<pdfaid:part>2</pdfaid:part>
<pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>The part of ISO 14289 that the document follows</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>`
}

// sRGB is a colour profile (ICC.1:2001-04) that says what sRGB is (IEC 61966-2-1): the colours of
// its primaries under D50, and its curve.
func sRGB() []byte {
	be := binary.BigEndian
	tekst := func(b []byte, s string) []byte { return append(append(b, s...), 0) }
	xyz := func(x, y, z float64) []byte {
		b := []byte("XYZ \x00\x00\x00\x00")
		for _, v := range []float64{x, y, z} {
			b = be.AppendUint32(b, uint32(math.Round(v*65536)))
		}
		return b
	}
	const punkter = 1024
	kurve := be.AppendUint32([]byte("curv\x00\x00\x00\x00"), punkter)
	for i := range punkter {
		v := float64(i) / (punkter - 1)
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		kurve = be.AppendUint16(kurve, uint16(math.Round(v*65535)))
	}
	navn := be.AppendUint32([]byte("desc\x00\x00\x00\x00"), 5)
	navn = append(tekst(navn, "sRGB"), make([]byte, 4+4+2+1+67)...) // no Unicode, no ScriptCode
	data := [][]byte{
		navn, tekst([]byte("text\x00\x00\x00\x00"), "No copyright"), xyz(0.9642, 1, 0.8249),
		xyz(0.43607, 0.22249, 0.01392), xyz(0.38515, 0.71687, 0.09708), xyz(0.14307, 0.06061, 0.71410), kurve,
	}
	tagger := []struct {
		navn string
		data int
	}{{"desc", 0}, {"cprt", 1}, {"wtpt", 2}, {"rXYZ", 3}, {"gXYZ", 4}, {"bXYZ", 5}, {"rTRC", 6}, {"gTRC", 6}, {"bTRC", 6}}

	begin := 128 + 4 + 12*len(tagger)
	var kropp []byte
	var sted []int
	for _, d := range data {
		sted = append(sted, begin+len(kropp))
		kropp = append(kropp, d...)
		kropp = append(kropp, make([]byte, -len(kropp)&3)...)
	}
	p := make([]byte, 128, begin+len(kropp))
	be.PutUint32(p, uint32(begin+len(kropp)))
	p[8], p[9] = 2, 0x40 // the version
	copy(p[12:], "mntrRGB XYZ ")
	for i, v := range []uint16{2026, 1, 1} {
		be.PutUint16(p[24+2*i:], v)
	}
	copy(p[36:], "acsp")
	copy(p[68:], xyz(0.9642, 1, 0.8249)[8:])
	p = be.AppendUint32(p, uint32(len(tagger)))
	for _, t := range tagger {
		p = append(p, t.navn...)
		p = be.AppendUint32(be.AppendUint32(p, uint32(sted[t.data])), uint32(len(data[t.data])))
	}
	return append(p, kropp...)
}
