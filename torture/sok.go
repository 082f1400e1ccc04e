package main

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

// hoystakk searches files for many texts at once, in UTF-8, in UTF-16 of both
// byte orders, and in base64 at each of its three alignments.
type hoystakk struct {
	naler  [65536][]nal // by their first two bytes
	lengst int
}

func (s *hoystakk) leggTil(hva, tekst string) {
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

func (s *hoystakk) form(hva string, b []byte) {
	if len(b) < 8 {
		return // would be found everywhere
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

// funn is a text found where it must not be.
type funn struct {
	fil   string
	sted  int64
	hva   string
	rundt string // the bytes around it, as evidence
}

const maksFunnPerFil = 5

// fil searches one file.
func (s *hoystakk) fil(navn string) (ut []funn, lest int64, err error) {
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
					ut = append(ut, funn{navn, fra + int64(i), nal.hva,
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

// mappe searches all files under dir, except those for which utenom is true of
// their path relative to dir.
func (s *hoystakk) mappe(dir string, utenom func(rel string) bool) (ut []funn, filer int, lest int64, err error) {
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
					ut = append(ut, funn{p, -1, n.hva, rel})
				}
			}
		}
		f, n, err := s.fil(p)
		ut, lest = append(ut, f...), lest+n
		filer++
		return err
	})
	return ut, filer, lest, err
}
