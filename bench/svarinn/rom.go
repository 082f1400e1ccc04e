//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
)

const (
	orgID    = "00000000-0000-4000-8000-000000000301"
	systemID = "11111111-1111-4111-8111-111111111111"
	storID   = "22222222-2222-4222-8222-222222222222"
	orgnr    = "910229028"
	passord  = "et-passord-som-er-langt-nok-til-aa-vaere-tilfeldig"

	nokkelfil     = "key.pem"
	sertifikatfil = "cert.pem"
	storfil       = "stor.json"
)

// rom is SvarInn on its real floors; the jobs do not run.
type rom struct {
	db      *store.DB
	blobs   *blob.Store
	org     *organisasjon.Service
	lev     *levering.Service
	svarinn *svarinn.Service
	roller  svarinn.Rolletabell
	stor    storInnhold
}

// storInnhold is the one file of the large forsendelse.
type storInnhold struct {
	Blob, SHA256 string
	CRC32        uint32
	Storrelse    int64
}

func apne(ctx context.Context, dir, baseURL string) (*rom, error) {
	db, err := store.Open(ctx, filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, keys.Migrations(), blob.Migrations(), jobs.Migrations(), mail.Migrations(), audit.Migrations(),
		organisasjon.Migrations(), levering.Migrations(), svarinn.Migrations()); err != nil {
		return nil, err
	}
	k := klokke.System{}
	ring, err := keys.OpenRing(ctx, db, k, make([]byte, keys.MasterSize))
	if err != nil {
		return nil, err
	}
	filer, err := blob.Files(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	r := &rom{db: db, blobs: blob.NewStore(db, ring, k, filer, nil), roller: svarinn.Rolletabell{DB: db, Ring: ring}}
	motor := jobs.New(db, k, log)
	post := mail.NewService(db, ring, k, motor, mail.NyListe(db, ring), "Knutepunkt <ikke-svar@knutepunkt.test>")
	revisjon := audit.NewService(db, ring, k)
	r.org = organisasjon.New(db, ring, k, revisjon)
	r.lev = levering.NewService(db, k, motor, post, log, levering.Config{})
	r.lev.RegistrerKilde("bench", r)
	r.svarinn, err = svarinn.New(svarinn.Deps{DB: db, Ring: ring, Klokke: k, Jobber: motor, Organisasjon: r.org, Levering: r.lev, Varsler: post,
		Audit: revisjon, Roller: r.roller, Log: log}, svarinn.Config{BaseURL: baseURL})
	if err != nil {
		return nil, err
	}
	if b, err := os.ReadFile(filepath.Join(dir, storfil)); err == nil {
		err = json.Unmarshal(b, &r.stor)
		return r, err
	}
	return r, nil
}

// Forsendelse implements levering.Kilde.
func (r *rom) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return brev(levering.Fil{Navn: "stor.bin", Mimetype: "application/octet-stream", Storrelse: r.stor.Storrelse, SHA256: r.stor.SHA256, CRC32: r.stor.CRC32,
		Apne: func(ctx context.Context) (io.ReadCloser, error) { return r.blobs.Open(ctx, r.stor.Blob, 0) }}), nil
}

// Endret implements levering.Kilde.
func (r *rom) Endret(context.Context, *store.Tx, levering.Levering) error { return nil }

// Kontakter implements levering.Kilde.
func (r *rom) Kontakter(context.Context, levering.Levering) ([]string, error) { return nil, nil }

// brev is a søknad with eight files, or with the one given.
func brev(filer ...levering.Fil) levering.Forsendelse {
	if len(filer) == 0 {
		for i := range 8 {
			filer = append(filer, levering.Fil{Navn: fmt.Sprintf("vedlegg-%d.pdf", i), Mimetype: "application/pdf", Storrelse: 123_456, SHA256: strings.Repeat("ab", 32)})
		}
	}
	adresse := levering.Adresse{Navn: "NAV Testby", Orgnr: orgnr, Adresselinje1: "Gata 1", Postnummer: "0151", Poststed: "Oslo"}
	return levering.Forsendelse{EksternRef: "110004PCC", Filer: filer, Post: levering.Post{Tittel: "Søknad om økonomisk sosialhjelp", Niva: 4,
		ForsendelseType: "nav.digisos", Mottatt: time.Now(), Avsender: adresse, Mottaker: adresse}}
}

// seed fills a folder: venter forsendelser, or one of that size.
func seed(ctx context.Context, dir string, venter int, storrelse int64) (err error) {
	r, err := apne(ctx, dir, "http://localhost")
	if err != nil {
		return err
	}
	defer func() { r.blobs.Wait(); err = errors.Join(err, r.db.Close()) }()
	cert, err := nyNokkel(dir)
	if err != nil {
		return err
	}
	av := auth.Caller{Slag: auth.Person, Fnr: "01870112345", Niva: 4}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		_, err := r.org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{ID: orgID, Navn: "Testby", Type: "KOMMUNE"})
		return err
	})
	if err != nil {
		return err
	}
	if _, err := r.svarinn.Opprett(ctx, av, svarinn.Ny{ID: systemID, FiksOrgID: orgID, Navn: "NAV Testby", Person: svarinn.Person{Fnr: av.Fnr, Navn: "Kari"}}); err != nil {
		return err
	}
	if err := r.roller.Gi(ctx, av.Fnr, orgnr, svarinn.PostArkiv); err != nil {
		return err
	}
	if _, err := r.svarinn.GiOrganisasjoner(ctx, av, systemID, []svarinn.Rad{{Orgnr: orgnr}}); err != nil {
		return err
	}
	if err := r.svarinn.SettPassord(ctx, av, systemID, passord); err != nil {
		return err
	}
	if _, err := r.svarinn.SettSertifikat(ctx, av, systemID, cert); err != nil {
		return err
	}
	if storrelse > 0 {
		return r.seedStor(ctx, dir, storrelse)
	}
	var g errgroup.Group
	g.SetLimit(64)
	for range venter {
		g.Go(func() error { return r.send(ctx, uuid.NewString(), uuid.NewString(), brev()) })
	}
	return g.Wait()
}

func (r *rom) send(ctx context.Context, leveringID, id string, f levering.Forsendelse) error {
	return r.svarinn.Kanal().Send(ctx, levering.Levering{ID: leveringID, KildeID: id, LeveranseID: uuid.NewString()}, f, func(*store.Tx) error { return nil })
}

func (r *rom) seedStor(ctx context.Context, dir string, storrelse int64) error {
	w := r.blobs.Create(ctx)
	defer w.Discard()
	sha, crc := sha256.New(), crc32.NewIEEE()
	if _, err := io.CopyN(io.MultiWriter(w, sha, crc), mathrand.NewChaCha8([32]byte{1}), storrelse); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	r.stor = storInnhold{Blob: w.ID(), SHA256: hex.EncodeToString(sha.Sum(nil)), CRC32: crc.Sum32(), Storrelse: storrelse}
	leveringID := uuid.NewString()
	err := r.db.Write(ctx, func(tx *store.Tx) error {
		if err := w.Commit(ctx, tx); err != nil {
			return err
		}
		return r.lev.Opprett(ctx, tx, levering.Ny{ID: leveringID, Kilde: "bench", KildeID: storID, FiksOrgID: orgID,
			Plan: []levering.Steg{{Kanal: levering.KanalSvarInn, Frist: 8 * time.Hour, Ubegrenset: true}}})
	})
	if err != nil {
		return err
	}
	f, err := r.Forsendelse(ctx, levering.Levering{}, levering.KanalSvarInn)
	if err != nil {
		return err
	}
	if err := r.send(ctx, leveringID, storID, f); err != nil {
		return err
	}
	b, err := json.Marshal(r.stor)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, storfil), b, 0o600)
}

// serve serves a seeded folder until it is told to stop, and says where.
func serve(ctx context.Context, dir string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	r, err := apne(ctx, dir, url)
	if err != nil {
		return err
	}
	ro := &httpx.Router{Log: slog.New(slog.DiscardHandler)}
	if err := auth.Guard(ro, ingen{}, r.org, r.svarinn.Routes()); err != nil {
		return err
	}
	srv := httpx.Server(ro)
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	fmt.Println(url)
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return r.db.Close()
}

// ingen is the log-in of routes that have none of their own: there are none here.
type ingen struct{}

func (ingen) Request(*http.Request) (auth.Caller, error) { return auth.Caller{Slag: auth.Anonym}, nil }

// nyNokkel makes the receiver's key pair, as files, and gives the certificate.
func nyNokkel(dir string) ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	mal := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, mal, mal, &k.PublicKey, k)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, errors.Join(os.WriteFile(filepath.Join(dir, sertifikatfil), cert, 0o600),
		os.WriteFile(filepath.Join(dir, nokkelfil), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}

func lesNokkel(navn string) (*rsa.PrivateKey, error) {
	b, err := os.ReadFile(navn)
	if err != nil {
		return nil, err
	}
	blokk, _ := pem.Decode(b)
	if blokk == nil {
		return nil, fmt.Errorf("%s is no PEM", navn)
	}
	k, err := x509.ParsePKCS8PrivateKey(blokk.Bytes)
	if err != nil {
		return nil, err
	}
	return k.(*rsa.PrivateKey), nil
}
