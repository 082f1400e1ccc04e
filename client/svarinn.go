package client

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"knutepunkt/cms"
)

// SvarInnPrefiks is where SvarInn lies below the platform's address.
const SvarInnPrefiks = "/tjenester/svarinn"

// SvarInnConfig says where SvarInn is and who fetches.
type SvarInnConfig struct {
	// BaseURL is the platform's address with SvarInnPrefiks, without trailing slash.
	BaseURL    string
	Brukernavn string // the mottakersystem's id
	Passord    string // its service password
	Nokler     []cms.Key
	HTTP       *http.Client // nil: one with sensible time limits
	// Lest, when not nil, hears of each piece of a download: its bytes, encrypted.
	Lest func(bytes int)
}

// SvarInn fetches forsendelser as a mottakersystem does (SvarInn's mottaker REST
// API v1). It is safe for concurrent use.
type SvarInn struct {
	cfg SvarInnConfig
	c   *Client
}

// NySvarInn makes a SvarInn client.
func NySvarInn(cfg SvarInnConfig) *SvarInn {
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	return &SvarInn{cfg: cfg, c: New(Config{HTTP: cfg.HTTP})}
}

// SvarInnForsendelse is a forsendelse that waits to be fetched.
type SvarInnForsendelse struct {
	ID              string          `json:"id"`
	Tittel          string          `json:"tittel"`
	Date            int64           `json:"date"` // ms since the epoch
	Avsender        SvarInnAvsender `json:"avsender"`
	Mottaker        SvarInnMottaker `json:"mottaker"`
	Status          string          `json:"status"`
	Niva            string          `json:"niva"` // "3" or "4"
	Filmetadata     []SvarInnFil    `json:"filmetadata"`
	SvarPa          string          `json:"svarPaForsendelse"`
	ForsendelseType string          `json:"forsendelseType"`
	EksternRef      string          `json:"eksternRef"`
	DownloadURL     string          `json:"downloadUrl"`

	Raa json.RawMessage `json:"-"` // all of it, as it came
}

// SvarInnAvsender is the sender's address.
type SvarInnAvsender struct {
	Navn     string `json:"navn"`
	Postnr   string `json:"postnr"`
	Poststed string `json:"poststed"`
}

// SvarInnMottaker is the receiver; one of Orgnr and Fnr is set.
type SvarInnMottaker struct {
	Navn  string `json:"navn"`
	Orgnr string `json:"orgnr"`
	Fnr   string `json:"fnr"`
}

// SvarInnFil is a file of a forsendelse.
type SvarInnFil struct {
	Filnavn    string `json:"filnavn"`
	Mimetype   string `json:"mimetype"`
	SHA256Hash string `json:"sha256hash"` // hex, of the content; "" when not known
	Size       int64  `json:"size"`       // bytes; 0 when not known
}

// Nye lists what waits, oldest first. The platform may list a part: the rest
// comes when those have been acknowledged.
func (s *SvarInn) Nye(ctx context.Context) ([]SvarInnForsendelse, error) {
	resp, err := s.do(ctx, http.MethodGet, s.cfg.BaseURL+"/mottaker/hentNyeForsendelser", nil)
	if err != nil {
		return nil, err
	}
	var raa []json.RawMessage
	if err := decode(resp, &raa); err != nil {
		return nil, err
	}
	ut := make([]SvarInnForsendelse, len(raa))
	for i, r := range raa {
		if err := json.Unmarshal(r, &ut[i]); err != nil {
			return nil, fmt.Errorf("client: decoding a forsendelse: %w", err)
		}
		ut[i].Raa = r
	}
	return ut, nil
}

// Kvitter acknowledges: the forsendelse is received for good.
func (s *SvarInn) Kvitter(ctx context.Context, id string) error {
	return s.post(ctx, "/kvitterMottak/forsendelse/", id, nil)
}

// MottakFeilet tells that a forsendelse could not be received. For good: it
// leaves SvarInn and goes on by another channel; else it is listed again.
// melding is shown to the sender and must name no person.
func (s *SvarInn) MottakFeilet(ctx context.Context, id, melding string, permanent bool) error {
	body, err := json.Marshal(struct {
		Feilmelding string `json:"feilmelding"`
		Permanent   bool   `json:"permanent"`
	}{melding, permanent})
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return s.post(ctx, "/mottakFeilet/forsendelse/", id, body)
}

func (s *SvarInn) post(ctx context.Context, sti, id string, body []byte) error {
	resp, err := s.do(ctx, http.MethodPost, s.cfg.BaseURL+sti+url.PathEscape(id), body)
	if err != nil {
		return err
	}
	if err := decode(resp, nil); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("client: SvarInn answered %d, not 200", resp.StatusCode)
	}
	return nil
}

func (s *SvarInn) do(ctx context.Context, method, til string, body []byte) (*http.Response, error) {
	var r io.Reader
	contentType := ""
	if body != nil {
		r, contentType = bytes.NewReader(body), "application/json"
	}
	return s.c.send(ctx, method, til, contentType, r, func(r *http.Request) {
		r.SetBasicAuth(s.cfg.Brukernavn, s.cfg.Passord)
	})
}

// Kryptert opens the content as it came: CMS around a zip, or around the one
// file. contentType is of what is inside.
func (s *SvarInn) Kryptert(ctx context.Context, f SvarInnForsendelse) (innhold io.ReadCloser, contentType string, err error) {
	hit, err1 := url.Parse(s.cfg.BaseURL)
	dit, err2 := url.Parse(f.DownloadURL)
	if err := errors.Join(err1, err2); err != nil {
		return nil, "", fmt.Errorf("client: the download's address: %w", err)
	}
	if dit.Scheme != hit.Scheme || dit.Host != hit.Host {
		return nil, "", fmt.Errorf("client: the download is at %s, and the password is for %s alone", dit.Host, hit.Host)
	}
	resp, err := s.do(ctx, http.MethodGet, f.DownloadURL, nil)
	if err != nil {
		return nil, "", err
	}
	contentType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if s.cfg.Lest != nil {
		return telles{resp.Body, s.cfg.Lest}, contentType, nil
	}
	return resp.Body, contentType, nil
}

type telles struct {
	io.ReadCloser
	lest func(int)
}

func (t telles) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.lest(n)
	return n, err
}

// Lagre downloads, decrypts and verifies a forsendelse and puts its files into a
// new directory dir, all or nothing; fs.ErrExist when dir is there already. What
// is on disk is in the clear, readable for its owner only.
func (s *SvarInn) Lagre(ctx context.Context, f SvarInnForsendelse, dir string) (err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "save", Path: dir, Err: fs.ErrExist}
	}
	skjult, err := os.MkdirTemp(filepath.Dir(dir), ".svarinn-*")
	if err != nil {
		return fmt.Errorf("client: saving a forsendelse: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(skjult))
		}
	}()
	root, err := os.OpenRoot(skjult) // no name leads out of it
	if err != nil {
		return fmt.Errorf("client: saving a forsendelse: %w", err)
	}
	defer root.Close()
	kryptert, contentType, err := s.Kryptert(ctx, f)
	if err != nil {
		return err
	}
	defer kryptert.Close()
	klart, err := cms.NewReader(kryptert, s.cfg.Nokler...)
	if err != nil {
		return fmt.Errorf("client: decrypting forsendelse %s: %w", f.ID, err)
	}
	if contentType == "application/zip" {
		err = pakkUt(root, f, klart)
	} else if len(f.Filmetadata) == 1 {
		err = lagreFil(root, f.Filmetadata[0], klart)
	} else {
		err = fmt.Errorf("%d files came as %s", len(f.Filmetadata), contentType)
	}
	if err != nil {
		return fmt.Errorf("client: forsendelse %s: %w", f.ID, err)
	}
	// The acknowledgement makes SvarInn forget it: first it must last, names and all.
	err = synk(skjult)
	if err == nil {
		err = os.Rename(skjult, dir)
	}
	if err == nil {
		err = synk(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("client: saving a forsendelse: %w", err)
	}
	return nil
}

// synk writes the names in a folder to disk.
func synk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// zipfil is a name that no file of a forsendelse can have: it holds a colon.
const zipfil = "zip:"

// pakkUt saves the files of a zip: just those that the list names, as it describes them.
func pakkUt(root *os.Root, f SvarInnForsendelse, klart io.Reader) error {
	if err := lagreFil(root, SvarInnFil{Filnavn: zipfil}, klart); err != nil {
		return err
	}
	pakke, err := root.Open(zipfil)
	if err != nil {
		return err
	}
	defer pakke.Close()
	info, err := pakke.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(pakke, info.Size())
	if err != nil {
		return err
	}
	if len(z.File) != len(f.Filmetadata) {
		return fmt.Errorf("%d files came, and %d are listed", len(z.File), len(f.Filmetadata))
	}
	listet := map[string]SvarInnFil{}
	for _, m := range f.Filmetadata {
		listet[m.Filnavn] = m
	}
	for i, del := range z.File {
		m, ok := listet[del.Name]
		if !ok || filepath.Base(del.Name) != del.Name {
			return fmt.Errorf("file %d is not one of those listed", i+1)
		}
		delete(listet, del.Name)
		r, err := del.Open()
		if err != nil {
			return err
		}
		if err := errors.Join(lagreFil(root, m, r), r.Close()); err != nil {
			return fmt.Errorf("file %d: %w", i+1, err)
		}
	}
	return root.Remove(zipfil)
}

// lagreFil saves one file, and compares it with its description.
func lagreFil(root *os.Root, m SvarInnFil, r io.Reader) (err error) {
	fil, err := root.OpenFile(m.Filnavn, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fil.Close()) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(fil, h), r)
	switch {
	case err != nil:
		return err
	case m.Size > 0 && n != m.Size:
		return fmt.Errorf("%d bytes came, and %d are listed", n, m.Size)
	case m.SHA256Hash != "" && !strings.EqualFold(m.SHA256Hash, hex.EncodeToString(h.Sum(nil))):
		return errors.New("the content is not what its checksum says")
	}
	return fil.Sync()
}

// Mottatt is when the platform took the forsendelse in.
func (f SvarInnForsendelse) Mottatt() time.Time { return time.UnixMilli(f.Date) }
