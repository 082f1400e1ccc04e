// Package keys holds the platform's secrets: a ring of data keys (current and
// older ones) under one master key, a keyed hash for look-up, and the RSA keys
// with certificates that others encrypt to. With the database, the blobs and
// the logs but without the master key nothing can be read.
package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// MasterSize is the size of the master key in bytes.
const MasterSize = 32

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this room.
func Migrations() store.Migrations {
	return store.Migrations{Room: "keys", FS: migrations}
}

// Ring seals and opens columns and wraps the keys of blobs.
type Ring struct {
	db     *store.DB
	k      klokke.Klokke
	master tink.AEAD

	mu      sync.RWMutex
	handle  *keyset.Handle // of the data keys
	data    tink.AEAD
	oppslag *prf.Set

	platform map[Formaal]*platform
}

// platform is the cached keys of one purpose.
type platform struct {
	mu   sync.Mutex // held while they are loaded or made, which may take a second
	keys []Platformnokkel
}

// OpenRing loads the ring from the database, and makes one where there is none.
// master is 32 bytes from a file, the environment or a KMS. The tables must be
// there (Migrations). With another master key than the ring was made with, it fails.
func OpenRing(ctx context.Context, db *store.DB, k klokke.Klokke, master []byte) (*Ring, error) {
	if len(master) != MasterSize {
		return nil, fmt.Errorf("keys: the master key has %d bytes, not %d", len(master), MasterSize)
	}
	m, err := subtle.NewAESGCM(bytes.Clone(master))
	if err != nil {
		return nil, fmt.Errorf("keys: master key: %w", err)
	}
	r := &Ring{db: db, k: k, master: m, platform: map[Formaal]*platform{}}
	for _, f := range Formaalene() {
		r.platform[f] = &platform{}
	}

	if r.handle, err = r.loadOrCreate(ctx, "data", aeadHandle); err != nil {
		return nil, err
	}
	if r.data, err = aead.New(r.handle); err != nil {
		return nil, fmt.Errorf("keys: data keys: %w", err)
	}
	h, err := r.loadOrCreate(ctx, "oppslag", prfHandle)
	if err != nil {
		return nil, err
	}
	if r.oppslag, err = prf.NewPRFSet(h); err != nil {
		return nil, fmt.Errorf("keys: look-up key: %w", err)
	}
	return r, nil
}

func aeadHandle() (*keyset.Handle, error) { return keyset.NewHandle(aead.AES256GCMKeyTemplate()) }
func prfHandle() (*keyset.Handle, error)  { return keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()) }

func (r *Ring) loadOrCreate(ctx context.Context, navn string, create func() (*keyset.Handle, error)) (*keyset.Handle, error) {
	sealed, err := r.readKeyset(ctx, r.db.Read(), navn)
	if errors.Is(err, sql.ErrNoRows) {
		h, err := create()
		if err != nil {
			return nil, fmt.Errorf("keys: making keyset %s: %w", navn, err)
		}
		made, err := r.sealKeyset(navn, h)
		if err != nil {
			return nil, err
		}
		// Another node may have been quicker: what is in the table counts.
		err = r.db.Write(ctx, func(tx *store.Tx) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO nokkelring (navn, keyset, endret) VALUES ($1, $2, $3)
				ON CONFLICT (navn) DO NOTHING`, navn, made, store.Micros(r.k.Now())); err != nil {
				return err
			}
			sealed, err = r.readKeyset(ctx, tx, navn)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("keys: storing keyset %s: %w", navn, err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("keys: loading keyset %s: %w", navn, err)
	}
	return r.openKeyset(navn, sealed)
}

func (r *Ring) readKeyset(ctx context.Context, q store.Queryer, navn string) (sealed []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT keyset FROM nokkelring WHERE navn = $1`, navn).Scan(&sealed)
	return sealed, err
}

func (r *Ring) sealKeyset(navn string, h *keyset.Handle) ([]byte, error) {
	var buf bytes.Buffer
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), r.master, []byte(navn)); err != nil {
		return nil, fmt.Errorf("keys: sealing keyset %s: %w", navn, err)
	}
	return buf.Bytes(), nil
}

func (r *Ring) openKeyset(navn string, sealed []byte) (*keyset.Handle, error) {
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(sealed)), r.master, []byte(navn))
	if err != nil {
		return nil, fmt.Errorf("keys: keyset %s does not open: it was made with another master key, or is damaged: %w", navn, err)
	}
	return h, nil
}

// LoadOrCreateMaster reads the 32-byte master key from file (mode 0600), and
// makes a random one where there is none. For the embedded default only.
func LoadOrCreateMaster(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		if len(b) != MasterSize {
			return nil, fmt.Errorf("keys: %s has %d bytes, not the %d of a master key", file, len(b), MasterSize)
		}
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keys: reading the master key: %w", err)
	}
	b = make([]byte, MasterSize)
	rand.Read(b) // never fails
	if err := writeSynced(file, b); err != nil {
		return nil, fmt.Errorf("keys: storing the master key: %w", err)
	}
	return b, nil
}

// writeSynced makes file whole or not at all: what is sealed under a key that
// was lost with the power could never be read.
func writeSynced(file string, b []byte) error {
	tmp := file + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, file)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer dir.Close()
	_ = dir.Sync() // not every file system can
	return nil
}

// Seal encrypts plain for storage. context binds it to its place (for example
// "digisos.sak.soker:" + id): Open with another context fails.
func (r *Ring) Seal(context string, plain []byte) ([]byte, error) {
	r.mu.RLock()
	data := r.data
	r.mu.RUnlock()
	sealed, err := data.Encrypt(plain, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("keys: sealing: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal made, with the current or an older key.
func (r *Ring) Open(context string, sealed []byte) ([]byte, error) {
	r.mu.RLock()
	data := r.data
	r.mu.RUnlock()
	plain, err := data.Decrypt(sealed, []byte(context))
	if err != nil {
		return nil, fmt.Errorf("keys: opening: %w", err)
	}
	return plain, nil
}

// Lookup is a keyed hash (stable over rotation of the data keys) by which a
// secret value such as a fødselsnummer can be found again. Equal value and
// purpose give equal text (43 characters, base64url); nothing else can be told
// from it.
func (r *Ring) Lookup(purpose, value string) string {
	in := binary.BigEndian.AppendUint32(nil, uint32(len(purpose)))
	in = append(append(in, purpose...), value...)
	out, err := r.oppslag.ComputePrimaryPRF(in, 32)
	if err != nil {
		panic(fmt.Errorf("keys: look-up: %w", err)) // cannot happen: 32 bytes are within HMAC-SHA256
	}
	return base64.RawURLEncoding.EncodeToString(out)
}

// Rotate adds a new current data key; older ones stay for reading. A key is
// good for some 2^32 seals.
func (r *Ring) Rotate(ctx context.Context) error {
	var h *keyset.Handle
	err := r.db.Write(ctx, func(tx *store.Tx) error {
		sealed, err := r.readKeyset(ctx, tx, "data")
		if err != nil {
			return err
		}
		old, err := r.openKeyset("data", sealed)
		if err != nil {
			return err
		}
		m := keyset.NewManagerFromHandle(old)
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		if err := m.SetPrimary(id); err != nil {
			return err
		}
		if h, err = m.Handle(); err != nil {
			return err
		}
		if sealed, err = r.sealKeyset("data", h); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE nokkelring SET keyset = $1, endret = $2 WHERE navn = 'data'`,
			sealed, store.Micros(r.k.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("keys: rotating: %w", err)
	}
	data, err := aead.New(h)
	if err != nil {
		return fmt.Errorf("keys: rotating: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle, r.data = h, data
	return nil
}

// Oppforing is one key as `keys list` shows it; never the key itself.
type Oppforing struct {
	ID        string
	Formaal   string // "data", or the purpose of a platform key
	Gjeldende bool   // the one that is used for new things
	Opprettet time.Time
	Utloper   time.Time // zero for data keys, which are kept for reading
}

// List names all keys: the data keys, then the platform keys, newest first.
func (r *Ring) List(ctx context.Context) ([]Oppforing, error) {
	r.mu.RLock()
	h := r.handle
	r.mu.RUnlock()
	var list []Oppforing
	info := h.KeysetInfo()
	for i := len(info.GetKeyInfo()) - 1; i >= 0; i-- {
		id := info.GetKeyInfo()[i].GetKeyId()
		list = append(list, Oppforing{ID: strconv.FormatUint(uint64(id), 16), Formaal: "data",
			Gjeldende: id == info.GetPrimaryKeyId()})
	}
	for _, formaal := range []Formaal{Dokumentlager, Signering} {
		ks, err := r.loadPlatform(ctx, r.db.Read(), formaal)
		if err != nil {
			return nil, err
		}
		for i, p := range ks {
			list = append(list, Oppforing{ID: p.ID, Formaal: string(formaal), Gjeldende: i == 0,
				Opprettet: p.Certificate.NotBefore, Utloper: p.Certificate.NotAfter})
		}
	}
	return list, nil
}
