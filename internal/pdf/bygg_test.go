package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pdfBuilder writes PDFs by hand, right and wrong ones.
type pdfBuilder struct {
	b       bytes.Buffer
	offsets []int64 // by number
}

func newPDF() *pdfBuilder {
	p := &pdfBuilder{offsets: make([]int64, 1)}
	p.b.WriteString("%PDF-1.7\n")
	return p
}

// add writes the next object and gives its number.
func (p *pdfBuilder) add(format string, args ...any) int {
	nr := len(p.offsets)
	p.offsets = append(p.offsets, int64(p.b.Len()))
	fmt.Fprintf(&p.b, "%d 0 obj\n", nr)
	fmt.Fprintf(&p.b, format, args...)
	p.b.WriteString("\nendobj\n")
	return nr
}

func (p *pdfBuilder) stream(entries string, data []byte) int {
	return p.add("<<%s/Length %d>>\nstream\n%s\nendstream", entries, len(data), data)
}

func (p *pdfBuilder) flate(entries string, data []byte) int {
	return p.stream(entries+"/Filter/FlateDecode", deflate(data))
}

func deflate(data []byte) []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// done writes a table; the root is object 1, and extra goes in the trailer.
func (p *pdfBuilder) done(extra string) []byte {
	at := p.b.Len()
	fmt.Fprintf(&p.b, "xref\n0 %d\n0000000000 65535 f \n", len(p.offsets))
	for _, o := range p.offsets[1:] {
		fmt.Fprintf(&p.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&p.b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets), extra, at)
	return p.b.Bytes()
}

// doneStream writes a cross-reference stream, with PNG prediction as writers use it, and
// the objects of packs in object streams, by the number of the stream.
func (p *pdfBuilder) doneStream(packed map[int][]int) []byte {
	nr := len(p.offsets)
	at := int64(p.b.Len())
	rows := map[int][]byte{}
	row := func(kind byte, a int64, b int) []byte {
		r := binary.BigEndian.AppendUint32([]byte{kind}, uint32(a))
		return binary.BigEndian.AppendUint16(r, uint16(b))
	}
	size := nr + 1
	for i, o := range append(p.offsets, at) {
		if rows[i] = row(1, o, 0); i == 0 {
			rows[i] = row(0, 0, 65535)
		}
	}
	for pack, nrs := range packed {
		for i, inner := range nrs {
			rows[inner] = row(2, int64(pack), i)
			size = max(size, inner+1)
		}
	}
	var data []byte
	above := make([]byte, 7)
	for i := range size {
		r := rows[i]
		if r == nil {
			r = row(0, 0, 0)
		}
		data = append(data, 2)
		for j := range r {
			data = append(data, r[j]-above[j])
		}
		above = r
	}
	p.flate(fmt.Sprintf("/Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/DecodeParms<</Predictor 12/Columns 7>>", size), data)
	fmt.Fprintf(&p.b, "startxref\n%d\n%%%%EOF\n", at)
	return p.b.Bytes()
}

// objstm writes an object stream of objects with their numbers.
func (p *pdfBuilder) objstm(nrs []int, objects []string) int {
	var table, body strings.Builder
	for i, o := range objects {
		fmt.Fprintf(&table, "%d %d ", nrs[i], body.Len())
		body.WriteString(o + " ")
	}
	return p.flate(fmt.Sprintf("/Type/ObjStm/N %d/First %d", len(nrs), table.Len()), []byte(table.String()+body.String()))
}

// sider makes a plain PDF of n A4 pages that say "<text><page>".
func sider(text string, n int) []byte {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	var kids strings.Builder
	for i := range n {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	p.add("<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 595.276 841.89]/Resources<</Font<</F 3 0 R>>>>>>", n, kids.String())
	p.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	for i := range n {
		p.add("<</Type/Page/Parent 2 0 R/Contents %d 0 R>>", 5+2*i)
		p.flate("", fmt.Appendf(nil, "BT /F 24 Tf 100 700 Td (%s%d) Tj ET", text, i+1))
	}
	return p.done("")
}

// pakket makes a PDF of one page of which all but the content lies in an object stream.
func pakket() []byte {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 11 0 R>>")
	p.flate("", []byte("BT /F 24 Tf 100 700 Td (pakket) Tj ET"))
	nrs := []int{11, 12, 13}
	pack := p.objstm(nrs, []string{
		"<</Type/Pages/Count 1/Kids[12 0 R]>>",
		"<</Type/Page/Parent 11 0 R/MediaBox[0 0 595 842]/Rotate 90/Contents 2 0 R/Resources<</Font<</F 13 0 R>>>>>>",
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	})
	return p.doneStream(map[int][]int{pack: nrs})
}

// blandet makes a PDF of one page with a table for old readers, in which what lies in an
// object stream is free, and a stream that tells where it is (ISO 32000-1, 7.5.8.4).
func blandet() []byte {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	p.add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 7 0 R>>>>>>")
	p.flate("", []byte("BT /F 24 Tf 100 700 Td (blandet) Tj ET"))
	pack := p.objstm([]int{7}, []string{"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"})
	stm := p.b.Len()
	p.stream("/Type/XRef/Size 8/W[1 1 1]/Index[7 1]", []byte{2, byte(pack), 0})
	table := p.b.Len()
	fmt.Fprintf(&p.b, "xref\n0 8\n0000000007 65535 f \n")
	for _, o := range p.offsets[1:] {
		fmt.Fprintf(&p.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&p.b, "0000000000 65535 f \ntrailer\n<</Size 8/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n", stm, table)
	return p.b.Bytes()
}

// peer runs a program of others and gives what it prints; without it the test is skipped,
// unless peers are required.
func peer(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("KNUTEPUNKT_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func tempFile(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
