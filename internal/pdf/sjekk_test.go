package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/feil"
)

// enSide is a document of one page; ekstra goes in its dictionary.
func enSide(ekstra string) *pdfBuilder {
	p := newPDF()
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	p.add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.276 841.89]%s>>", ekstra)
	return p
}

// med adds the content of the page as object 4.
func (p *pdfBuilder) med(entries string, data []byte) []byte {
	p.stream(entries, data)
	return p.done("")
}

func TestSjekk(t *testing.T) {
	t.Parallel()
	hel := sider("Hei", 3)
	var strek bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&strek, "%d %d m %d %d l S\n", i*7919%997, i*104729%991, i*31, i)
	}
	zipped := deflate(strek.Bytes())
	skadd := bytes.Clone(zipped)
	for i := range 200 {
		skadd[len(skadd)/2+i] ^= 0x55
	}
	xfa := newPDF()
	xfa.add("<</Type/Catalog/Pages 2 0 R/NeedsRendering true>>")
	xfa.add("<</Type/Pages/Count 0/Kids[]>>")
	tom := newPDF()
	tom.add("<</Type/Catalog/Pages 2 0 R>>")
	tom.add("<</Type/Pages/Count 0/Kids[]>>")
	ring := newPDF()
	ring.add("<</Type/Catalog/Pages 2 0 R>>")
	ring.add("<</Type/Pages/Count 2/Kids[2 0 R 2 0 R]>>")
	flere := newPDF()
	flere.add("<</Type/Catalog/Pages 2 0 R>>")
	flere.add("<</Type/Pages/Count 1/Kids[%s]>>", strings.Repeat("3 0 R ", MaxSider+1))
	flere.add("<</Type/Page>>")
	loop := newPDF()
	loop.b.WriteString("xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Prev 9>>\nstartxref\n9\n%%EOF\n")

	igjen := enSide("") // a table that says the same again and again
	at := igjen.b.Len()
	igjen.flate("/Type/XRef/Size 9/W[1 0 0]/Root 1 0 R/Index["+strings.Repeat("0 9000 ", 500)+"]", make([]byte, maxEntries+1))
	fmt.Fprintf(&igjen.b, "startxref\n%d\n%%%%EOF\n", at)

	const a4b, a4h = 210.0, 297.0
	for _, tt := range []struct {
		navn          string
		fil           []byte
		sider         int
		bredde, hoyde float64
		melding       string // part of the refusal; "" accepts
	}{
		{"hel", hel, 3, a4b, a4h, ""},
		{"one page", sider("x", 1), 1, a4b, a4h, ""},
		{"object streams, a page on its side", pakket(), 1, 842 / mm, 595 / mm, ""},
		{"something before the header", append([]byte("\xef\xbb\xbf junk\n"), hel...), 3, a4b, a4h, ""},
		{"something after the end", append(bytes.Clone(hel), "\r\n<html>"...), 3, a4b, a4h, ""},
		{"a wrong startxref", bytes.Replace(hel, []byte("startxref\n"), []byte("startxref\n1"), 1), 3, a4b, a4h, ""},
		{"offsets that are wrong", bytes.Replace(hel, []byte("%PDF-1.7\n"), []byte("%PDF-1.7\n%%%%%%%\n"), 1), 3, a4b, a4h, ""},
		{"no table at all", hel[:bytes.LastIndex(hel, []byte("xref\n0"))], 3, a4b, a4h, ""},
		{"an object stream and no table", pakket()[:bytes.LastIndex(pakket(), []byte("/Type/XRef"))], 1, 842 / mm, 595 / mm, ""},
		{"a wrong length", bytes.Replace(enSide("/Contents 4 0 R").med("", []byte("0 0 m 9 9 l S")), []byte("/Length 13"), []byte("/Length 99"), 1), 1, a4b, a4h, ""},
		{"no size, which is an A4", bytes.Replace(enSide("").done(""), []byte("/MediaBox"), []byte("/MediaBix"), 1), 1, a4b, a4h, ""},
		{"an empty content", enSide("/Contents 4 0 R").med("/Filter/FlateDecode", nil), 1, a4b, a4h, ""},
		{"deflate without its last block", enSide("/Contents 4 0 R").med("/Filter/FlateDecode", zipped[:len(zipped)-8]), 1, a4b, a4h, ""},
		{"a reference to nothing", enSide("/Annots 77 0 R").done(""), 1, a4b, a4h, ""},

		{"nothing", nil, 0, 0, 0, "ikke en PDF"},
		{"a picture", []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5000)), 0, 0, 0, "ikke en PDF"},
		{"only the header", []byte("%PDF-1.7\n"), 0, 0, 0, "ødelagt"},
		{"cut in the middle", hel[:len(hel)/2], 0, 0, 0, "ødelagt"},
		{"cut near the end", hel[:len(hel)-700], 0, 0, 0, "ødelagt"},
		{"encrypted", enSide("").done("/Encrypt<</Filter/Standard/V 2/R 3/P -1/O(x)/U(y)>>"), 0, 0, 0, "passordbeskyttet eller kryptert"},
		{"encrypted, and the table is gone", enSide("").done("/Encrypt 9 0 R")[30:], 0, 0, 0, "ikke en PDF"},
		{"encrypted, with a wrong startxref", bytes.Replace(enSide("").done("/Encrypt 9 0 R"), []byte("startxref\n"), []byte("startxref\n7"), 1), 0, 0, 0, "passordbeskyttet eller kryptert"},
		{"XFA", xfa.done(""), 0, 0, 0, "XFA"},
		{"no pages", tom.done(""), 0, 0, 0, "ingen sider"},
		{"too many pages", flere.done(""), 0, 0, 0, "for mange sider"},
		{"a ring of pages", ring.done(""), 0, 0, 0, "ødelagt"},
		{"a table without end", igjen.b.Bytes(), 0, 0, 0, "for sammensatt"},
		{"a ring of tables", loop.b.Bytes(), 0, 0, 0, "ødelagt"},
		{"no catalog", bytes.ReplaceAll(hel, []byte("/Type/Catalog"), []byte("/Type/Cutalog")), 3, a4b, a4h, ""},
		{"no catalog and no table", bytes.ReplaceAll(hel[:bytes.LastIndex(hel, []byte("xref\n0"))], []byte("/Type/Catalog"), []byte("/Type/Cutalog")), 0, 0, 0, "ødelagt"},
		{"a picture that is no JPEG", enSide("/Contents 4 0 R").med("/Subtype/Image/Filter/DCTDecode", bytes.Repeat([]byte("x"), 2000)), 0, 0, 0, "ikke kan leses"},
		{"content that is damaged", enSide("/Contents 4 0 R").med("/Filter/FlateDecode", skadd), 0, 0, 0, "ikke kan leses"},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			info, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(tt.fil))
			if tt.melding != "" {
				if !feil.Er(err, feil.Ugyldig) || !strings.Contains(err.Error(), tt.melding) {
					t.Fatalf("got %v, want feil.Ugyldig with %q", err, tt.melding)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info.Sider != tt.sider || math.Abs(info.Bredde-tt.bredde) > 0.1 || math.Abs(info.Hoyde-tt.hoyde) > 0.1 {
				t.Errorf("got %+v, want %d pages of %.1f×%.1f mm", info, tt.sider, tt.bredde, tt.hoyde)
			}
		})
	}
}

// fiendtlige are files that are made to cost: each is small or plain, and what it asks
// for is not.
func fiendtlige() map[string][]byte {
	ut := map[string][]byte{}
	for navn, s := range map[string]string{
		"arrays": strings.Repeat("[", 1<<20), "dictionaries": strings.Repeat("<</A", 1<<20),
		"strings": strings.Repeat("(", 4<<20), "values": "[" + strings.Repeat("[]", 1<<20) + "]",
	} {
		ut["nested "+navn] = enSide("/X " + s).done("")
	}

	p := enSide("/Contents 4 0 R")
	p.flate("", make([]byte, 24<<20))
	ut["a bomb in the content"] = p.done("")

	p = enSide("/X 100 0 R")
	bomb := p.flate("/Type/ObjStm/N 1/First 6", append([]byte("100 0 "), bytes.Repeat([]byte(" "), 24<<20)...))
	ut["a bomb of an object stream"] = p.doneStream(map[int][]int{bomb: {100}})

	p = newPDF() // many object streams that each unpack to much, in turn
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	p.add("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	const bombs = 10
	var xs strings.Builder
	for i := range 4 * bombs {
		fmt.Fprintf(&xs, "%d 0 R ", 1000+i)
	}
	p.add("<</Type/Page/Parent 2 0 R/X[%s]>>", xs.String())
	packed := map[int][]int{}
	for i := range bombs {
		var nrs []int
		var objects []string
		for n := range 4 {
			nrs, objects = append(nrs, 1000+n*bombs+i), append(objects, "["+strings.Repeat("[]", 70_000)+strings.Repeat(" ", 500_000)+"]")
		}
		packed[p.objstm(nrs, objects)] = nrs
	}
	ut["object streams by turns"] = p.doneStream(packed)

	p = enSide("/X 4 0 R")
	p.add("[%s]", strings.Repeat("[]", 100_000))
	for range 100_000 { // a table in which all lie at one place
		p.offsets = append(p.offsets, p.offsets[4])
	}
	ut["one object by many numbers"] = p.done("")

	const delere = 20_000
	var alle, tabell strings.Builder
	nrs := make([]int, delere)
	for i := range nrs {
		nrs[i] = 100 + i
		fmt.Fprintf(&alle, "%d 0 R ", nrs[i])
		fmt.Fprintf(&tabell, "%d 0 ", nrs[i])
	}
	stor := "[" + strings.Repeat("[]", 140_000) + strings.Repeat(" ", 256<<10) + "]"
	p = enSide("/X[" + alle.String() + "]")
	ett := p.flate(fmt.Sprintf("/Type/ObjStm/N %d/First %d", delere, tabell.Len()), []byte(tabell.String()+stor))
	ut["an object stream in which all lie at one place"] = p.doneStream(map[int][]int{ett: nrs})

	p = enSide("/X[" + alle.String() + "]")
	for len(p.offsets) < nrs[0] {
		p.add("null")
	}
	for _, nr := range nrs {
		p.offsets = append(p.offsets, int64(p.b.Len()))
		fmt.Fprintf(&p.b, "%d 0 obj %%", nr)
	}
	p.b.WriteString("\n" + stor + "\nendobj\n")
	ut["one object behind the numbers of many"] = p.done("")

	ut["streams within each other"] = iHverandre()

	p = newPDF() // a chain of nodes, each the only kid
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	for i := range 200_000 {
		p.add("<</Type/Pages/Count 1/Kids[%d 0 R]>>", i+3)
	}
	ut["a deep page tree"] = p.done("")

	p = newPDF() // each node has the next one twice: 2^40 pages
	p.add("<</Type/Catalog/Pages 2 0 R>>")
	for i := range 40 {
		p.add("<</Type/Pages/Count 1/Kids[%d 0 R %d 0 R]>>", i+3, i+3)
	}
	p.add("<</Type/Page>>")
	ut["a page tree that doubles"] = p.done("")

	p = enSide("/Contents 4 0 R") // a length that needs the stream itself
	p.add("<</Length 4 0 R>>\nstream\nx\nendstream")
	ut["a length in a ring"] = p.done("")
	p = enSide("/Contents 4 0 R/Rotate 4 0 R")
	p.add("4 0 R")
	ut["a reference in a ring"] = p.done("")

	ut["objects without end"] = append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("1 0 obj << /A 1 0 R\n"), 100_000)...)
	ut["many objects without end"] = func() []byte {
		b := []byte("%PDF-1.4\n")
		for i := range 100_000 {
			b = fmt.Appendf(b, "%d 0 obj [[[ ", i+1)
		}
		return b
	}()
	ut["streams without end"] = func() []byte {
		b := []byte("%PDF-1.4\n")
		for i := range 100_000 {
			b = fmt.Appendf(b, "%d 0 obj<<>>stream\n", i+1)
		}
		return b
	}()
	ut["a number beyond all"] = bytes.Replace(enSide("").done(""), []byte("xref\n0 4"), []byte("xref\n0 4000000000"), 1)
	ut["spaces"] = append(append([]byte("%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 1"), bytes.Repeat([]byte(" "), 9<<20)...), " 0 R>>\nendobj\ntrailer<</Root 1 0 R>>"...)
	return ut
}

// iHverandre is a page with streams of which each holds all that come after it.
func iHverandre() []byte {
	const strommer, plass = 2000, 64
	var alle strings.Builder
	for i := range strommer {
		fmt.Fprintf(&alle, "%d 0 R ", 4+i)
	}
	p := enSide("/X[" + alle.String() + "]")
	slutt := p.b.Len() + strommer*plass + 1<<20
	for i := range strommer {
		p.offsets = append(p.offsets, int64(p.b.Len()))
		hode := func(n int) string { return fmt.Sprintf("%d 0 obj<</Length %08d>>stream\n", 4+i, n) }
		fmt.Fprintf(&p.b, "%-*s", plass, hode(slutt-p.b.Len()-len(hode(0))))
	}
	p.b.Write(bytes.Repeat([]byte("x"), 1<<20))
	p.b.WriteString("\nendstream\nendobj\n")
	return p.done("")
}

// A small file does not become a large one by being merged: it is refused at intake.
func TestSlaaSammenVokserIkke(t *testing.T) {
	t.Parallel()
	fil := iHverandre()
	if _, err := Ny(1).Sjekk(t.Context(), bytes.NewReader(fil)); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("accepted: %v", err)
	}
	var skrevet antall
	_, err := Ny(1).SlaaSammen(t.Context(), &skrevet, dokumenter(fil), false)
	if !feil.Er(err, feil.Ugyldig) || int(skrevet) > 2*len(fil) {
		t.Errorf("%d KB became %d MB (%v)", len(fil)>>10, skrevet>>20, err)
	}
}

// antall counts what is written.
type antall int64

func (n *antall) Write(p []byte) (int, error) { *n += antall(len(p)); return len(p), nil }

// What hostile files cost: no panic, no hang, and memory within the promise.
func TestSjekkFiendtlig(t *testing.T) { // not parallel: it measures memory
	for navn, fil := range fiendtlige() {
		t.Run(navn, func(t *testing.T) {
			peak := peakMemory(t, func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				_, err := Ny(1).Sjekk(ctx, bytes.NewReader(fil))
				t.Logf("%d KB, %v: %v", len(fil)>>10, time.Since(begin).Round(time.Millisecond), err)
				if err != nil && !feil.Er(err, feil.Ugyldig) {
					t.Errorf("got %v, want feil.Ugyldig or none", err)
				}
			})
			t.Logf("%d MB", peak>>20)
			if peak > 200<<20 {
				t.Errorf("it took %d MB, more than the promised 200", peak>>20)
			}
		})
	}
}

// peakMemory tells by how much the heap grew at most while work ran, garbage included.
func peakMemory(t *testing.T, work func()) uint64 {
	t.Helper()
	heap := func() uint64 {
		m := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(m)
		return m[0].Value.Uint64()
	}
	runtime.GC()
	before := heap()
	peak := before
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				peak = max(peak, heap())
			}
		}
	}()
	work()
	close(done)
	<-stopped
	return peak - before
}

func TestSjekkStopper(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	fil := sider("x", 200)
	lest := 0
	_, err := Ny(1).Sjekk(ctx, &lesFil{bytes.NewReader(fil), func() error {
		if lest++; lest == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that ctx ended", err)
	}

	nede := errors.New("the disk is gone")
	lest = 0
	_, err = Ny(1).Sjekk(t.Context(), &lesFil{bytes.NewReader(fil), func() error {
		if lest++; lest > 3 {
			return nede
		}
		return nil
	}})
	if !errors.Is(err, nede) || feil.Er(err, feil.Ugyldig) {
		t.Errorf("got %v, want the error of the file", err)
	}

	_, err = Ny(1).Sjekk(t.Context(), &lesFil{bytes.NewReader(fil), func() error { panic("a fault of ours") }})
	if err == nil || feil.KodeAv(err) != feil.Intern {
		t.Errorf("got %v, want an internal error", err)
	}
}

type lesFil struct {
	*bytes.Reader
	naar func() error // at each read
}

func (f *lesFil) ReadAt(p []byte, at int64) (int, error) {
	if err := f.naar(); err != nil {
		return 0, err
	}
	return f.Reader.ReadAt(p, at)
}

// No more are at work than there is room for; who waits can give up.
func TestSjekkVenter(t *testing.T) {
	t.Parallel()
	trykkeri := Ny(1)
	inne, ut := make(chan struct{}), make(chan struct{})
	ferdig := make(chan error)
	go func() {
		first := true
		_, err := trykkeri.Sjekk(t.Context(), &lesFil{bytes.NewReader(sider("x", 1)), func() error {
			if first {
				first = false
				close(inne)
				<-ut
			}
			return nil
		}})
		ferdig <- err
	}()
	<-inne
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trykkeri.Sjekk(ctx, bytes.NewReader(sider("x", 1))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v while the only place was taken", err)
	}
	close(ut)
	if err := <-ferdig; err != nil {
		t.Error(err)
	}
	if _, err := trykkeri.Sjekk(t.Context(), bytes.NewReader(sider("x", 1))); err != nil {
		t.Error(err)
	}
}

func FuzzSjekk(f *testing.F) {
	hel := sider("Hei", 2)
	f.Add(hel)
	f.Add(hel[:len(hel)-300])
	f.Add(pakket())
	f.Add(skjema(true))
	f.Add(lag())
	for _, fil := range fiendtlige() {
		if len(fil) < 20_000 {
			f.Add(fil)
		}
	}
	trykkeri := Ny(8)
	f.Fuzz(func(t *testing.T, fil []byte) {
		info, err := trykkeri.Sjekk(t.Context(), bytes.NewReader(fil))
		if err != nil {
			if !feil.Er(err, feil.Ugyldig) {
				t.Fatalf("got %v, want feil.Ugyldig", err)
			}
			return
		}
		// What was accepted can be merged, and the result is as good.
		var b bytes.Buffer
		res, err := trykkeri.SlaaSammen(t.Context(), &b, []Dokument{{Fil: bytes.NewReader(fil)}}, false)
		if err != nil || res.Sider != info.Sider {
			t.Fatalf("merging what was accepted: %v, %d pages of %d", err, res.Sider, info.Sider)
		}
		igjen, err := trykkeri.Sjekk(t.Context(), bytes.NewReader(b.Bytes()))
		if err != nil || igjen != info {
			t.Fatalf("the merged file: %v, %+v, want %+v", err, igjen, info)
		}
		if _, err := trykkeri.SlaaSammen(t.Context(), io.Discard, []Dokument{{Fil: bytes.NewReader(b.Bytes())}}, true); err != nil {
			t.Fatal(err)
		}
	})
}
