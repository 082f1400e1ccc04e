package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/feil"
)

// part is one part as raw text: header lines, then content.
type part struct{ header, content string }

func raw(boundary string, parts ...part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + strings.ReplaceAll(p.header, "\n", "\r\n") + "\r\n\r\n" + p.content + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String()
}

func meta(navn string) string {
	return `{"filnavn":"` + navn + `","mimetype":"application/pdf","storrelse":7}`
}

var soknadDeler = []JSONDel{
	{Navn: []string{"tilleggsinformasjonJson"}},
	{Navn: []string{"soknadJson"}, Paakrev: true},
	{Navn: []string{"vedleggJson", "vedlegg.json"}, Paakrev: true},
}

var klageDeler = []JSONDel{
	{Navn: []string{"klage.json"}, Paakrev: true},
	{Navn: []string{"vedlegg.json", "vedleggJson"}, Paakrev: true},
}

// samle keeps files as text and notes which had their metadata at once.
func samle(o Opplasting, early *[]bool) Opplasting {
	o.Fil = func(navn string, m *Metadata, r io.Reader) (any, error) {
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if early != nil {
			*early = append(*early, m != nil)
		}
		return navn + "=" + string(b), nil
	}
	return o
}

func request(contentType, body string) *http.Request {
	// No Content-Length, as the clients stream: the reader's type is hidden.
	r := httptest.NewRequest("POST", "/x", io.MultiReader(strings.NewReader(body)))
	r.ContentLength = -1
	r.Header.Set("Content-Type", contentType)
	return r
}

const soknad = `{"a": 1}`

// What each known client puts on the wire (Digisos wire contract §1.2).
func TestClientsShapes(t *testing.T) {
	t.Parallel()
	const oct = "\nContent-Type: application/octet-stream"
	type want struct {
		json  string // canonical names present, with their bytes
		par   [][2]string
		early []bool
	}
	tests := map[string]struct {
		contentType string
		deler       []JSONDel
		body        string
		want        want
	}{
		"SOKNAD søknad": {
			`multipart/form-data;boundary=Xy_-Z1`, soknadDeler,
			raw("Xy_-Z1",
				part{"Content-Disposition: form-data; name=\"tilleggsinformasjonJson\"\nContent-Type: application/json\nContent-Length: 2", "{}"},
				part{"Content-Disposition: form-data; name=\"soknadJson\"\nContent-Type: application/json", soknad},
				part{"Content-Disposition: form-data; name=\"vedleggJson\"\nContent-Type: application/json", "[]"},
				part{"Content-Disposition: form-data; name=\"metadata0\"\nContent-Type: text/plain;charset=UTF-8", meta("Søknad.pdf")},
				part{"Content-Disposition: form-data; name=\"Søknad.pdf\"; filename=\"Søknad.pdf\"" + oct, "one"},
				part{"Content-Disposition: form-data; name=\"metadata1\"\nContent-Type: text/plain;charset=UTF-8", meta("b.pdf")},
				part{"Content-Disposition: form-data; name=\"b.pdf\"; filename=\"b.pdf\"" + oct, "two\r\n--Xy_"}),
			want{"tilleggsinformasjonJson={} soknadJson={\"a\": 1} vedleggJson=[]", [][2]string{{"Søknad.pdf", "Søknad.pdf=one"}, {"b.pdf", "b.pdf=two\r\n--Xy_"}}, []bool{true, true}},
		},
		"SOKNAD søknad, Apache client": {
			`multipart/form-data; boundary=----=_Part/1:2(3)?; charset=UTF-8`, soknadDeler,
			raw("----=_Part/1:2(3)?",
				part{"Content-Disposition: form-data; name=\"soknadJson\"\nContent-Type: application/json; charset=UTF-8\nContent-Transfer-Encoding: 8bit", soknad},
				part{"Content-Disposition: form-data; name=\"vedleggJson\"\nContent-Type: application/json; charset=UTF-8\nContent-Transfer-Encoding: 8bit", "{}"},
				part{"Content-Disposition: form-data; name=\"metadata\"\nContent-Type: text/plain", meta("å b.pdf")},
				part{"Content-Disposition: form-data; name=\"å b.pdf\"; filename=\"å b.pdf\"" + oct + "\nContent-Transfer-Encoding: binary", "one"}),
			want{"soknadJson={\"a\": 1} vedleggJson={}", [][2]string{{"å b.pdf", "å b.pdf=one"}}, []bool{true}},
		},
		"INNSYN ettersendelse": {
			`multipart/form-data;boundary="abc"`, []JSONDel{{Navn: []string{"vedleggJson", "vedlegg.json"}, Paakrev: true}},
			raw("abc",
				part{"Content-Disposition: form-data; name=\"vedlegg.json\"\nContent-Type: application/json", "{ }"},
				part{"Content-Disposition: form-data; name=\"vedleggSpesifikasjon:0\"\nContent-Type: application/json", meta("a.pdf")},
				part{"Content-Disposition: form-data; name=\"dokument:0\"; filename=\"a.pdf\"" + oct, "one"},
				part{"Content-Disposition: form-data; name=\"vedleggSpesifikasjon:1\"\nContent-Type: application/json", meta("a.pdf")},
				part{"Content-Disposition: form-data; name=\"dokument:1\"; filename=\"a.pdf\"" + oct, "two"}),
			want{"vedleggJson={ }", [][2]string{{"a.pdf", "a.pdf=one"}, {"a.pdf", "a.pdf=two"}}, []bool{true, true}},
		},
		"KLIENT filer (Jetty, names unescaped)": {
			`multipart/form-data; boundary="JettyHttpClientBoundary1x2"`, nil,
			raw("JettyHttpClientBoundary1x2",
				part{"Content-Disposition: form-data; name=\"metadata:0\"\nContent-Type: text/plain;charset=UTF-8", meta(`a\"b.pdf`)},
				part{"Content-Disposition: form-data; name=\"dokument:0\"; filename=\"a\"b.pdf\"" + oct, "one"}),
			want{"", [][2]string{{`a"b.pdf`, `a"b.pdf=one`}}, []bool{true}},
		},
		"INNSYN mellomlagring: all metadata first": {
			`multipart/form-data;boundary=abc`, nil,
			raw("abc",
				part{"Content-Disposition: form-data; name=\"metadata\"\nContent-Type: application/json", meta("a.pdf")},
				part{"Content-Disposition: form-data; name=\"metadata\"\nContent-Type: application/json", meta("b.pdf")},
				part{"Content-Disposition: form-data; name=\"files\"; filename=\"b.pdf\"" + oct, "two"},
				part{"Content-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"" + oct, "one"}),
			want{"", [][2]string{{"b.pdf", "b.pdf=two"}, {"a.pdf", "a.pdf=one"}}, []bool{true, true}},
		},
		"INNSYN klage: JSON parts with filename": {
			`multipart/form-data;boundary=abc`, klageDeler,
			raw("abc",
				part{"Content-Disposition: form-data; name=\"klage.json\"; filename=\"klage.json\"\nContent-Type: application/json", "{}"},
				part{"Content-Disposition: form-data; name=\"vedlegg.json\"; filename=\"vedlegg.json\"\nContent-Type: application/json", "{}"},
				part{"Content-Disposition: form-data; name=\"metadata\"\nContent-Type: application/json", meta("klage.pdf")},
				part{"Content-Disposition: form-data; name=\"klage.pdf\"; filename=\"klage.pdf\"" + oct, "one"}),
			want{"klage.json={} vedlegg.json={}", [][2]string{{"klage.pdf", "klage.pdf=one"}}, []bool{true}},
		},
		"INNSYN klage ettersendelse: no files": {
			`multipart/form-data;boundary=abc`, []JSONDel{{Navn: []string{"vedlegg.json"}, Paakrev: true}},
			raw("abc", part{"Content-Disposition: form-data; name=\"vedlegg.json\"; filename=\"vedlegg.json\"\nContent-Type: application/json", "{}"}),
			want{"vedlegg.json={}", nil, nil},
		},
		".NET: unquoted names, filename*, quoted boundary, encoded words": {
			`multipart/form-data; boundary="0b1c-2d"`, nil,
			raw("0b1c-2d",
				part{"Content-Type: text/plain; charset=utf-8\nContent-Disposition: form-data; name=metadata", meta("blå.pdf")},
				part{"Content-Disposition: form-data; name=files; filename=\"=?utf-8?B?Ymzi?=\"; filename*=utf-8''bl%C3%A5.pdf", "one"},
				part{"Content-Disposition: form-data; name=metadata", meta("grå.pdf")},
				part{"Content-Disposition: form-data; name=files; filename=\"=?utf-8?B?Z3LDpS5wZGY=?=\"", "two"},
				part{"Content-Disposition: form-data; name=metadata", meta("x.pdf")},
				part{"Content-Disposition: form-data; name=files; filename=x.pdf", "three"}),
			want{"", [][2]string{{"blå.pdf", "blå.pdf=one"}, {"grå.pdf", "grå.pdf=two"}, {"x.pdf", "x.pdf=three"}}, []bool{true, true, true}},
		},
		"a quote and a semicolon, escaped as Spring does": {
			`multipart/form-data;boundary=abc`, nil,
			raw("abc",
				part{"content-disposition: form-data; name=\"m\"", meta(`a\";b.pdf`)},
				part{`content-disposition: form-data; name="f"; filename="a\";b.pdf"`, "one"}),
			want{"", [][2]string{{`a";b.pdf`, `a";b.pdf=one`}}, []bool{true}},
		},
		"metadata after its file, and names that differ": {
			`multipart/form-data;boundary=abc`, nil,
			raw("abc",
				part{"Content-Disposition: form-data; name=\"f\"; filename=\"%22.pdf\"", "one"},
				part{"Content-Disposition: form-data; name=\"f\"; filename=\"b.pdf\"", "two"},
				part{"Content-Disposition: form-data; name=\"m\"", meta(`\".pdf`)},
				part{"Content-Disposition: form-data; name=\"m\"", meta("b.pdf")}),
			want{"", [][2]string{{`".pdf`, "%22.pdf=one"}, {"b.pdf", "b.pdf=two"}}, []bool{false, false}},
		},
		"a citizen's file named as a JSON part": {
			`multipart/form-data;boundary=abc`, []JSONDel{{Navn: []string{"vedleggJson", "vedlegg.json"}, Paakrev: true}},
			raw("abc",
				part{"Content-Disposition: form-data; name=\"vedleggJson\"", "{}"},
				part{"Content-Disposition: form-data; name=\"metadata0\"", meta("vedlegg.json")},
				part{"Content-Disposition: form-data; name=\"vedlegg.json\"; filename=\"vedlegg.json\"", "mine"}),
			want{"vedleggJson={}", [][2]string{{"vedlegg.json", "vedlegg.json=mine"}}, []bool{true}},
		},
		"an empty file": {
			`multipart/form-data;boundary=abc`, nil,
			raw("abc",
				part{"Content-Disposition: form-data; name=\"m\"", meta("a.pdf")},
				part{"Content-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"", ""}),
			want{"", [][2]string{{"a.pdf", "a.pdf="}}, []bool{true}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var early []bool
			got, err := samle(Opplasting{JSON: tt.deler}, &early).Les(request(tt.contentType, tt.body))
			if err != nil {
				t.Fatal(err)
			}
			var js []string
			for _, d := range tt.deler {
				if b, ok := got.JSON[d.Navn[0]]; ok {
					js = append(js, d.Navn[0]+"="+string(b))
				}
			}
			var par [][2]string
			for _, p := range got.Par {
				par = append(par, [2]string{p.Metadata.Filnavn, p.Ref.(string)})
			}
			if diff := cmp.Diff(tt.want, want{strings.Join(js, " "), par, early}, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// Cut anywhere, it is the caller's error, never a shorter success.
			for i := range len(tt.body) - 4 {
				got, err := samle(Opplasting{JSON: tt.deler}, nil).Les(request(tt.contentType, tt.body[:i]))
				if !feil.Er(err, feil.Ugyldig) {
					t.Fatalf("cut at %d of %d: %v, %d pairs", i, len(tt.body), err, len(got.Par))
				}
			}
		})
	}
}

func TestUploadsRefused(t *testing.T) {
	t.Parallel()
	const ct = "multipart/form-data; boundary=abc"
	f := func(navn string) part {
		return part{"Content-Disposition: form-data; name=\"f\"; filename=\"" + navn + "\"", "x"}
	}
	m := func(s string) part { return part{"Content-Disposition: form-data; name=\"m\"", s} }
	s := part{"Content-Disposition: form-data; name=\"soknadJson\"", soknad}
	v := part{"Content-Disposition: form-data; name=\"vedleggJson\"", "{}"}
	tests := map[string]struct {
		o    Opplasting
		ct   string
		body string
		kode feil.Kode
	}{
		"not multipart, send":       {Opplasting{IkkeMultipart: int(feil.FeilMediatype)}, "application/json", "{}", feil.FeilMediatype},
		"not multipart, elsewhere":  {Opplasting{IkkeMultipart: int(feil.Ugyldig)}, "application/json", "{}", feil.Ugyldig},
		"no content type":           {Opplasting{}, "", "", feil.Ugyldig},
		"no boundary":               {Opplasting{}, "multipart/form-data", "", feil.Ugyldig},
		"file without metadata":     {Opplasting{}, ct, raw("abc", f("a")), feil.Ugyldig},
		"metadata without file":     {Opplasting{}, ct, raw("abc", m(meta("a"))), feil.Ugyldig},
		"two files, one metadata":   {Opplasting{}, ct, raw("abc", m(meta("a")), f("a"), f("a")), feil.Ugyldig},
		"required part missing":     {Opplasting{JSON: soknadDeler}, ct, raw("abc", s), feil.Ugyldig},
		"JSON after the pair":       {Opplasting{JSON: soknadDeler}, ct, raw("abc", s, m(meta("a")), f("a"), v), feil.Ugyldig},
		"JSON twice":                {Opplasting{JSON: soknadDeler}, ct, raw("abc", s, s, v), feil.Ugyldig},
		"metadata not JSON":         {Opplasting{}, ct, raw("abc", m("x"), f("a")), feil.Ugyldig},
		"metadata incomplete":       {Opplasting{}, ct, raw("abc", m(`{"filnavn":"a","mimetype":"b"}`), f("a")), feil.Ugyldig},
		"metadata negative":         {Opplasting{}, ct, raw("abc", m(`{"filnavn":"a","mimetype":"b","storrelse":-1}`), f("a")), feil.Ugyldig},
		"metadata null":             {Opplasting{}, ct, raw("abc", m(`{"filnavn":null,"mimetype":"b","storrelse":1}`), f("a")), feil.Ugyldig},
		"metadata too large":        {Opplasting{}, ct, raw("abc", m(strings.Repeat(" ", maxMetadata)+meta("a")), f("a")), feil.Ugyldig},
		"slash":                     {Opplasting{}, ct, raw("abc", m(meta("a")), f("../a")), feil.Ugyldig},
		"backslash":                 {Opplasting{}, ct, raw("abc", m(meta("a")), f(`c:\a`)), feil.Ugyldig},
		"escaped backslash":         {Opplasting{}, ct, raw("abc", m(meta("a")), f(`c:\\a`)), feil.Ugyldig},
		"NUL":                       {Opplasting{}, ct, raw("abc", m(meta("a")), part{"Content-Disposition: form-data; name=f; filename*=utf-8''a%00", ""}), feil.Ugyldig},
		"slash in filename*":        {Opplasting{}, ct, raw("abc", m(meta("a")), part{"Content-Disposition: form-data; name=f; filename=a; filename*=utf-8''a%2Fb", ""}), feil.Ugyldig},
		"slash in metadata":         {Opplasting{}, ct, raw("abc", m(meta("a/b")), f("a")), feil.Ugyldig},
		"dots":                      {Opplasting{}, ct, raw("abc", m(meta("a")), f("..")), feil.Ugyldig},
		"empty filename":            {Opplasting{}, ct, raw("abc", m(meta("a")), f("")), feil.Ugyldig},
		"not UTF-8":                 {Opplasting{}, ct, raw("abc", m(meta("a")), f("\xe5")), feil.Ugyldig},
		"long name":                 {Opplasting{}, ct, raw("abc", m(meta("a")), f(strings.Repeat("å", 256))), feil.Ugyldig},
		"no disposition":            {Opplasting{}, ct, raw("abc", part{"Content-Type: text/plain", "x"}), feil.Ugyldig},
		"not form-data":             {Opplasting{}, ct, raw("abc", part{"Content-Disposition: attachment; name=a", "x"}), feil.Ugyldig},
		"too many files":            {Opplasting{MaxFiler: 1}, ct, raw("abc", m(meta("a")), f("a"), m(meta("a")), f("a")), feil.ForStor},
		"too large JSON":            {Opplasting{JSON: soknadDeler, MaxJSON: 3}, ct, raw("abc", s), feil.ForStor},
		"too large body":            {Opplasting{MaxBytes: 100}, ct, raw("abc", m(meta("a")), f("a")), feil.ForStor},
		"too large body, in a file": {Opplasting{MaxBytes: 300}, ct, raw("abc", m(meta("a")), part{f("a").header, strings.Repeat("x", 10_000)}), feil.ForStor},
		"too large part header":     {Opplasting{}, ct, raw("abc", part{"X: " + strings.Repeat("x", 200_000), ""}), feil.Ugyldig},
		"endless preamble":          {Opplasting{}, ct, strings.Repeat("x\r\n", 200_000) + raw("abc", m(meta("a")), f("a")), feil.Ugyldig},
		"malformed header":          {Opplasting{}, ct, raw("abc", part{"no colon", ""}), feil.Ugyldig},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := samle(tt.o, nil).Les(request(tt.ct, tt.body)); !feil.Er(err, tt.kode) {
				t.Errorf("got %v (%v), want kind %v", err, feil.KodeAv(err), tt.kode)
			}
		})
	}
}

// Everything stored can be discarded after an error, and Fil's own error wins
// unless the body broke.
func TestUploadErrorKeepsTheFiles(t *testing.T) {
	t.Parallel()
	body := raw("abc",
		part{"Content-Disposition: form-data; name=f; filename=a", "1"},
		part{"Content-Disposition: form-data; name=f; filename=b", "2"})
	mine := feil.Ny(feil.ForStor, "full")
	o := Opplasting{Fil: func(navn string, _ *Metadata, r io.Reader) (any, error) {
		if navn == "b" {
			return nil, mine
		}
		return navn, nil // without reading it
	}}
	got, err := o.Les(request("multipart/form-data; boundary=abc", body))
	if !errors.Is(err, mine) {
		t.Errorf("err %v", err)
	}
	if diff := cmp.Diff([]any{"a"}, got.Filer); diff != "" {
		t.Error(diff)
	}
	o.Fil = func(navn string, _ *Metadata, r io.Reader) (any, error) {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return nil, errors.New("decrypting: bad padding")
		}
		return navn, nil
	}
	if _, err := o.Les(request("multipart/form-data; boundary=abc", body[:len(body)-20])); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("a cut body gave %v", err)
	}
}

// One byte and a large file take the same memory: the file is never held. Not
// parallel, since it counts what the whole process allocates.
func TestUploadStreams(t *testing.T) {
	head := "--abc\r\nContent-Disposition: form-data; name=m\r\n\r\n" + meta("a") + "\r\n--abc\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n"
	const size = 64 << 20
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader("\r\n--abc--\r\n")))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=abc")
	var n int64
	o := Opplasting{Fil: func(_ string, _ *Metadata, r io.Reader) (any, error) {
		var err error
		n, err = io.Copy(io.Discard, r)
		return nil, err
	}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := o.Les(r)
	runtime.ReadMemStats(&after)
	if err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", got, size)
	}
}

func FuzzLes(f *testing.F) {
	f.Add("multipart/form-data; boundary=abc", []byte(raw("abc",
		part{"Content-Disposition: form-data; name=\"soknadJson\"", soknad},
		part{"Content-Disposition: form-data; name=\"vedleggJson\"", "{}"},
		part{"Content-Disposition: form-data; name=\"m\"", meta("a")},
		part{"Content-Disposition: form-data; name=\"f\"; filename=\"a\"; filename*=utf-8''a", "x"})))
	f.Add(`multipart/form-data; boundary="a b"`, []byte("--a b\r\n\r\n--a b--"))
	f.Fuzz(func(t *testing.T, ct string, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", ct)
		got, err := samle(Opplasting{JSON: soknadDeler, MaxFiler: 10}, nil).Les(r)
		if err != nil {
			if feil.KodeAv(err) == feil.Intern {
				t.Fatalf("internal error: %v", err)
			}
			return
		}
		if len(got.Par) != len(got.Filer) || got.JSON["soknadJson"] == nil {
			t.Fatalf("accepted something incomplete: %+v", got)
		}
		for _, p := range got.Par {
			if gyldigNavn(p.Metadata.Filnavn) != nil {
				t.Fatalf("bad name %q", p.Metadata.Filnavn)
			}
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add(`form-data; name="a\"b"; filename*=utf-8''%c3%b8`)
	f.Add(`form-data; name=a;;; filename="=?utf-8?B?Ymzi?="`)
	f.Fuzz(func(t *testing.T, s string) {
		if d := parseDisposition(s); d.valid && d.filename != "" && !d.isFile {
			t.Fatalf("%+v", d)
		}
	})
}
