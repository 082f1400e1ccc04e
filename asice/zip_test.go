package asice_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/asice"
)

// TestDamage flips each byte of a container in turn and cuts it at each length:
// nothing may go through as if it were whole, and nothing may panic.
func TestDamage(t *testing.T) {
	t.Parallel()
	b := pack(t, ecdsaIdentity(), []testFile{{"a.txt", "", []byte("innhold a innhold a")}, {"b.pdf", "", []byte("b")}})
	_, want, err := readAll(t, b, asice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x55
		_, got, err := readAll(t, damaged, asice.Options{})
		if err == nil && !cmp.Equal(want, got) {
			t.Errorf("byte %d changed: other content accepted", i)
		}
		if _, _, err := readAll(t, b[:i], asice.Options{}); !errors.Is(err, asice.ErrFormat) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, _, err := readAll(t, append(bytes.Clone(b), 0), asice.Options{}); !errors.Is(err, asice.ErrFormat) {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestTwoStories: an archive whose directory tells of other entries than lie in
// it is refused, since readers would see different files.
func TestTwoStories(t *testing.T) {
	t.Parallel()
	b := pack(t, ecdsaIdentity(), []testFile{{"a.txt", "", []byte("a")}, {"b.txt", "", []byte("b")}})
	directory := bytes.Index(b, []byte("PK\x01\x02"))
	change := func(f func(d []byte)) []byte {
		c := bytes.Clone(b)
		f(c[directory:])
		return c
	}
	names := func(d []byte) (a, b int) { return bytes.Index(d, []byte("a.txt")), bytes.Index(d, []byte("b.txt")) }
	for name, c := range map[string][]byte{
		"other name":    change(func(d []byte) { i, _ := names(d); d[i] = 'c' }),
		"same twice":    change(func(d []byte) { i, _ := names(d); d[i] = 'b' }),
		"names swapped": change(func(d []byte) { i, j := names(d); d[i], d[j] = 'b', 'a' }),
		"other offset":  change(func(d []byte) { i, _ := names(d); d[i-4]++ }),
		"in front":      append([]byte("#!/bin/sh\n"), b...),
		"fewer": change(func(d []byte) {
			end := bytes.LastIndex(d, []byte("PK\x05\x06"))
			binary.LittleEndian.PutUint16(d[end+8:], 2)
			binary.LittleEndian.PutUint16(d[end+10:], 2)
		}),
	} {
		if _, _, err := readAll(t, c, asice.Options{}); !errors.Is(err, asice.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnsupportedZip: encryption, other methods and unstreamable entries.
func TestUnsupportedZip(t *testing.T) {
	t.Parallel()
	single := func(h *zip.FileHeader) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "x")
		z.Close()
		return b.Bytes()
	}
	for name, h := range map[string]*zip.FileHeader{
		"encrypted":              {Name: "a", Method: zip.Deflate, Flags: 1},
		"bzip2":                  {Name: "a", Method: 12},
		"stored with descriptor": {Name: "a", Method: zip.Store, Flags: 8},
	} {
		if _, _, err := readAll(t, single(h), asice.Options{}); !errors.Is(err, asice.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDescriptorForms: with and without signature, with sizes of four and eight
// bytes; and entries with their sizes in front, also as zip64.
func TestDescriptorForms(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "a", strings.Repeat("ab", 1000)} {
		for _, form := range []string{"sig32", "32", "sig64", "64", "none", "zip64"} {
			b := handZip(t, form, rawEntry{name: "a.txt", content: content},
				rawEntry{name: manifestEntry, content: manifestOf("", "", rawEntry{name: "a.txt", content: content})})
			_, files, err := readAll(t, b, asice.Options{AllowUnsigned: true})
			if err != nil || len(files) != 1 || string(files[0].Content) != content {
				t.Errorf("%s of %d bytes: %v", form, len(content), err)
			}
		}
	}
}

// handZip writes zip records byte by byte.
func handZip(t *testing.T, form string, entries ...rawEntry) []byte {
	t.Helper()
	le := binary.LittleEndian
	var b, dir []byte
	for _, e := range entries {
		var c bytes.Buffer
		f, _ := flate.NewWriter(&c, 9)
		io.WriteString(f, e.content)
		f.Close()
		offset := len(b)
		header := func(sig uint32, central bool) (h []byte) {
			h = le.AppendUint32(h, sig)
			if central {
				h = le.AppendUint16(h, 45)
			}
			h = le.AppendUint16(h, 45)
			flags, crc, compressed, size := uint16(8), uint32(0), uint32(0), uint32(0)
			if form == "none" || form == "zip64" {
				flags = 0
			}
			if flags == 0 || central {
				crc, compressed, size = crcOf(e.content), uint32(c.Len()), uint32(len(e.content))
			}
			var extra []byte
			if form == "zip64" {
				extra = le.AppendUint16(extra, 0x9999) // something else in front
				extra = le.AppendUint16(extra, 0)
				extra = le.AppendUint16(extra, 1)
				extra = le.AppendUint16(extra, 16)
				extra = le.AppendUint64(extra, uint64(size))
				extra = le.AppendUint64(extra, uint64(compressed))
				compressed, size = 0xffffffff, 0xffffffff
			}
			h = le.AppendUint16(h, flags)
			h = le.AppendUint16(h, 8)
			h = le.AppendUint32(h, 0)
			h = le.AppendUint32(h, crc)
			h = le.AppendUint32(h, compressed)
			h = le.AppendUint32(h, size)
			h = le.AppendUint16(h, uint16(len(e.name)))
			h = le.AppendUint16(h, uint16(len(extra)))
			if central {
				h = append(h, make([]byte, 10)...)
				h = le.AppendUint32(h, uint32(offset))
			}
			return append(append(h, e.name...), extra...)
		}
		b = append(append(b, header(0x04034b50, false)...), c.Bytes()...)
		if strings.HasPrefix(form, "sig") {
			b = le.AppendUint32(b, 0x08074b50)
		}
		switch strings.TrimPrefix(form, "sig") {
		case "32":
			b = le.AppendUint32(b, crcOf(e.content))
			b = le.AppendUint32(b, uint32(c.Len()))
			b = le.AppendUint32(b, uint32(len(e.content)))
		case "64":
			b = le.AppendUint32(b, crcOf(e.content))
			b = le.AppendUint64(b, uint64(c.Len()))
			b = le.AppendUint64(b, uint64(len(e.content)))
		}
		dir = append(dir, header(0x02014b50, true)...)
	}
	end := le.AppendUint64(nil, 0x06054b50)
	end = le.AppendUint16(end, uint16(len(entries)))
	end = le.AppendUint16(end, uint16(len(entries)))
	end = le.AppendUint32(end, uint32(len(dir)))
	end = le.AppendUint32(end, uint32(len(b)))
	end = le.AppendUint16(end, 0)
	if form != "zip64" {
		return append(append(b, dir...), end...)
	}
	end64 := le.AppendUint64(nil, 44<<32|0x06064b50)
	end64 = le.AppendUint32(end64, 0)
	end64 = le.AppendUint32(end64, 45<<16|45)
	end64 = le.AppendUint64(end64, 0)
	end64 = le.AppendUint64(end64, uint64(len(entries)))
	end64 = le.AppendUint64(end64, uint64(len(entries)))
	end64 = le.AppendUint64(end64, uint64(len(dir)))
	end64 = le.AppendUint64(end64, uint64(len(b)))
	end64 = le.AppendUint64(end64, 0x07064b50)
	end64 = le.AppendUint64(end64, uint64(len(b)+len(dir)))
	end64 = le.AppendUint32(end64, 1)
	for i := 8; i < 20; i++ { // see the other record
		end[i] = 0xff
	}
	return slices.Concat(b, dir, end64, end)
}
