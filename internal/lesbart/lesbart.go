// Package lesbart finds what can be read where nobody may read it: it searches files for
// planted texts, in many encodings. Tests judge with it what lies at rest.
package lesbart

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// nal is one form of a text that must not be found.
type nal struct {
	hva   string // told instead of the text
	bytes []byte
}

// Sok searches files for many texts at once, in UTF-8, in UTF-16 of both byte orders,
// and in base64 at each of its three alignments. The zero value looks for nothing.
type Sok struct {
	naler  [65536][]nal // by their first two bytes
	lengst int
}

// LeggTil adds a text; hva is what a find of it is called. Shorter than 8 bytes it is not
// looked for: it would be found everywhere.
func (s *Sok) LeggTil(hva, tekst string) {
	s.form(hva, []byte(tekst))
	le, be := utf16Bytes(tekst)
	s.form(hva+" (UTF-16LE)", le)
	s.form(hva+" (UTF-16BE)", be)
	for _, kode := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for forskyvning := range 3 {
			// What is left of the code when the neighbours' bits are cut off.
			kodet := kode.EncodeToString(append(make([]byte, forskyvning), tekst...))
			fra := (forskyvning*8 + 5) / 6
			til := (forskyvning + len(tekst)) * 8 / 6
			s.form(fmt.Sprintf("%s (base64, %d)", hva, forskyvning), []byte(kodet[fra:til]))
		}
	}
}

func (s *Sok) form(hva string, b []byte) {
	if len(b) < 8 {
		return
	}
	i := binary.LittleEndian.Uint16(b)
	for _, n := range s.naler[i] {
		if bytes.Equal(n.bytes, b) {
			return
		}
	}
	s.naler[i] = append(s.naler[i], nal{hva, b})
	s.lengst = max(s.lengst, len(b))
}

func utf16Bytes(tekst string) (le, be []byte) {
	for _, u := range utf16.Encode([]rune(tekst)) {
		le = binary.LittleEndian.AppendUint16(le, u)
		be = binary.BigEndian.AppendUint16(be, u)
	}
	return le, be
}

// Funn is a text found where it must not be.
type Funn struct {
	Fil   string
	Sted  int64  // in bytes; -1: in the file's name
	Hva   string // what it is called
	Rundt string // the bytes around it, as evidence
}

const maksFunnPerFil = 5

// Fil searches one file, and tells how many bytes it read.
func (s *Sok) Fil(navn string) (ut []Funn, lest int64, err error) {
	f, err := os.Open(navn)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	buf := make([]byte, 4<<20)
	var fra int64 // where buf begins
	rest := 0     // bytes carried over from the chunk before
	for {
		n, err := io.ReadFull(f, buf[rest:])
		slutt := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !slutt {
			return ut, lest, err
		}
		lest += int64(n)
		data := buf[:rest+n]
		til := len(data) - s.lengst // what begins behind it is looked at with the next chunk
		if slutt {
			til = len(data) - 2
		}
		for i := 0; i <= til && len(ut) < maksFunnPerFil; i++ {
			for _, nal := range s.naler[uint16(data[i])|uint16(data[i+1])<<8] {
				if bytes.HasPrefix(data[i:], nal.bytes) {
					ut = append(ut, Funn{navn, fra + int64(i), nal.hva,
						fmt.Sprintf("%q", data[max(0, i-32):min(len(data), i+len(nal.bytes)+32)])})
				}
			}
		}
		if slutt {
			return ut, lest, nil
		}
		neste := max(0, til+1)
		rest = copy(buf, data[neste:])
		fra += int64(neste)
	}
}

// Mappe searches all files under dir, except those for which utenom is true of
// their path relative to dir.
func (s *Sok) Mappe(dir string, utenom func(rel string) bool) (ut []Funn, filer int, lest int64, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if d.IsDir() || utenom(filepath.ToSlash(rel)) {
			return nil
		}
		// Names of files may tell as much as what is in them.
		for _, liste := range s.naler {
			for _, n := range liste {
				if strings.Contains(rel, string(n.bytes)) {
					ut = append(ut, Funn{p, -1, n.hva, rel})
				}
			}
		}
		f, n, err := s.Fil(p)
		ut, lest = append(ut, f...), lest+n
		filer++
		return err
	})
	return ut, filer, lest, err
}
