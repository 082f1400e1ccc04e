package print

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// Kvittering is what the supplier says of a job (SvarUt contract §7.1). Status is
// Levert or Avvist. The texts may name people: they are stored sealed.
type Kvittering struct {
	JobbID      string      `json:"jobbId"`
	Status      Tilstand    `json:"status"`
	Tidspunkt   time.Time   `json:"tidspunkt"`
	AntallArk   *int        `json:"antallArk"`
	Feilkode    *string     `json:"feilkode"`
	Feilmelding *string     `json:"feilmelding"`
	Porto       json.Number `json:"porto,omitempty"` // kroner; "" when not told
}

const (
	maksKvittering  = 64 << 10 // bytes of a receipt's file
	maksArk         = 100_000
	maksFeilkode    = 100  // characters
	maksFeilmelding = 4000 // characters
)

// Validate tells what is wrong with a receipt; feil.Ugyldig.
func (k Kvittering) Validate() error {
	if id, err := uuid.Parse(k.JobbID); err != nil || id.String() != k.JobbID {
		return feil.Ny(feil.Ugyldig, "jobbId må være en UUID med små bokstaver")
	}
	switch {
	case k.Status != Levert && k.Status != Avvist:
		return feil.Ny(feil.Ugyldig, "status må være LEVERT eller AVVIST")
	case k.Tidspunkt.IsZero() || k.Tidspunkt.Year() < 2000 || k.Tidspunkt.Year() > 9999:
		return feil.Ny(feil.Ugyldig, "tidspunkt mangler eller er ugyldig")
	case k.AntallArk != nil && (*k.AntallArk < 0 || *k.AntallArk > maksArk):
		return feil.Ny(feil.Ugyldig, "antallArk må være fra 0 til %d", maksArk)
	case !kort(k.Feilkode, maksFeilkode):
		return feil.Ny(feil.Ugyldig, "feilkode kan ha inntil %d tegn", maksFeilkode)
	case !kort(k.Feilmelding, maksFeilmelding):
		return feil.Ny(feil.Ugyldig, "feilmelding kan ha inntil %d tegn", maksFeilmelding)
	case !belop(string(k.Porto)):
		return feil.Ny(feil.Ugyldig, "porto må være et beløp i kroner, for eksempel 23.50")
	}
	return nil
}

func kort(s *string, maks int) bool {
	return s == nil || utf8.ValidString(*s) && utf8.RuneCountInString(*s) <= maks
}

// belop tells whether s is an amount of at most a million with at most two decimals, or none.
func belop(s string) bool {
	kroner, ore, _ := strings.Cut(s, ".")
	return s == "" || kroner != "" && len(kroner) <= 7 && len(ore) <= 2 && strings.Trim(kroner+ore, "0123456789") == "" && !strings.HasSuffix(s, ".")
}

// lesKvittering reads a receipt's file: one JSON object with the fields of the
// contract and no others. feil.Ugyldig.
func lesKvittering(b []byte) (Kvittering, error) {
	var k Kvittering
	if len(b) > maksKvittering || !utf8.Valid(b) {
		return k, feil.Ny(feil.Ugyldig, "Kvitteringen er for stor eller er ikke UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\uFEFF"))))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		return k, feil.Ny(feil.Ugyldig, "Kvitteringen er ikke JSON etter kontrakten") // err quotes what it read
	}
	if _, err := d.Token(); err != io.EOF {
		return k, feil.Ny(feil.Ugyldig, "Kvitteringen har mer enn ett JSON-objekt")
	}
	return k, k.Validate()
}

// The sentences that reach levering: never the supplier's own words.
const (
	grunnAvvist  = "utskriftsleverandøren har avvist brevet; se utskriftsjobben, rett feilen og skriv ut på nytt"
	grunnUlest   = "en kvittering fra utskriftsleverandøren kunne ikke leses; se i leverandørens mappe for feil"
	grunnStille  = "brevet er ikke meldt skrevet ut innen fristen; spør utskriftsleverandøren"
	grunnUbygget = "brevet kunne ikke lages på nytt; se utskriftsjobben"
)

// errSammeFor: the receipt says what is known.
var errSammeFor = errors.New("print: told before")

// Kvitter records a receipt. Levert confirms the levering and takes back other jobs
// of the same letter; Avvist tells the contacts, and a person decides
// (PrintPaaNytt). The same receipt again changes nothing. feil.Ugyldig,
// feil.IkkeFunnet for an unknown job, feil.Konflikt for one that the supplier was
// never given, or a refusal of what is printed.
func (k *Kanal) Kvitter(ctx context.Context, kv Kvittering) error {
	if err := kv.Validate(); err != nil {
		return err
	}
	kv.Tidspunkt = kv.Tidspunkt.UTC().Truncate(time.Microsecond)
	err := k.DB.Write(ctx, func(tx *store.Tx) error {
		j, err := k.hent(ctx, tx, kv.JobbID)
		if err != nil {
			return err
		}
		ny, err := etter(j, kv.Status)
		if err != nil {
			return err
		}
		j.Tilstand, j.Kvittering, j.Endret = ny, &kv, k.Klokke.Now()
		j.frist = j.Endret.Add(k.cfg.Oppbevaring)
		if err := k.lagre(ctx, tx, j); err != nil {
			return err
		}
		if err := k.logg(ctx, tx, j, loggtekst(kv)); err != nil {
			return err
		}
		if err := k.rydd(ctx, tx, j.ID); err != nil {
			return err
		}
		if !j.overlevert {
			return nil // Send tells levering when it has handed the job over
		}
		return k.fortell(ctx, tx, j)
	})
	if errors.Is(err, errSammeFor) {
		return nil
	}
	return err
}

// etter is the state of j after a receipt: what is printed is printed, whatever was
// said before.
func etter(j Jobb, status Tilstand) (Tilstand, error) {
	switch {
	case j.utlagt.IsZero():
		return "", feil.Ny(feil.Konflikt, "Utskriftsjobben er ikke gitt til leverandøren")
	case j.Tilstand == Levert && status == Avvist:
		return "", feil.Ny(feil.Konflikt, "Utskriftsjobben er kvittert som LEVERT")
	case j.Tilstand == status:
		return "", errSammeFor
	case status == Levert:
		return Levert, nil
	case j.Tilstand == Trekkes || j.Tilstand == Trukket:
		return Trukket, nil // it is not printed, as was asked for
	}
	return Avvist, nil
}

// fortell brings the end of a job to levering, which has handed it over.
func (k *Kanal) fortell(ctx context.Context, tx *store.Tx, j Jobb) error {
	var kjent bool
	var err error
	switch j.Tilstand {
	case Levert:
		if kjent, err = k.Levering.Bekreft(ctx, tx, levering.KanalPrint, j.LeveranseID); err == nil {
			err = k.trekkAlle(ctx, tx, j.LeveranseID)
		}
	case Avvist:
		kjent, err = k.Levering.Avslatt(ctx, tx, levering.KanalPrint, j.LeveranseID, grunnAvvist)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("telling of print job %s: %w", j.ID, err)
	}
	if !kjent {
		tx.OnCommit(func() {
			k.Log.InfoContext(ctx, "receipt for a letter that has moved on", "jobb", j.ID, "status", j.Tilstand)
		})
	}
	return nil
}

// loggtekst is what the sender reads of a receipt.
func loggtekst(kv Kvittering) string {
	naar := klokke.Oslo(kv.Tidspunkt).Format("02.01.2006 kl. 15:04")
	if kv.Status == Avvist {
		tekst := "Utskriftsleverandøren avviste brevet " + naar
		if kv.Feilkode != nil && *kv.Feilkode != "" {
			tekst += ", feilkode " + *kv.Feilkode
		}
		if kv.Feilmelding != nil && *kv.Feilmelding != "" {
			tekst += ": " + *kv.Feilmelding
		}
		return tekst
	}
	tekst := "Skrevet ut og postlagt " + naar
	if kv.AntallArk != nil {
		tekst += fmt.Sprintf(", %d ark", *kv.AntallArk)
	}
	if kv.Porto != "" {
		tekst += ", porto kr " + strings.Replace(string(kv.Porto), ".", ",", 1)
	}
	return tekst
}
