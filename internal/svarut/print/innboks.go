package print

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

const (
	maksKvitteringer = 500    // read at one look; the others at the next
	maksUtlagt       = 50_000 // jobs that can wait for the supplier and still be told apart from fetched ones
	sjeldenPoll      = time.Hour
	innbokstid       = 15 * time.Minute // for one look: a server that answers nothing may keep its connection alive
	feilmappe        = "feil"           // in the folder of receipts
)

// kvitteringsnavn is <jobbId>.<n>.json (SvarUt contract §7.1).
var kvitteringsnavn = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([0-9]{1,9})\.json$`)

// nesteInnboks tells when the transport is to be looked at: often while the supplier
// has something, else once in a while.
func (k *Kanal) nesteInnboks(ctx context.Context) (time.Time, error) {
	k.mu.Lock()
	sett, flere := k.sett, k.flere
	k.mu.Unlock()
	switch {
	case sett.IsZero():
		return k.Klokke.Now(), nil
	case flere:
		return sett.Add(k.cfg.Poll), nil
	}
	ids, err := k.ider(ctx, `WHERE tilstand IN ('LEGGES_UT', 'KLAR', 'HENTET', 'TREKKES') LIMIT 1`)
	if err != nil {
		return time.Time{}, err
	}
	if len(ids) > 0 {
		return sett.Add(k.cfg.Poll), nil
	}
	return sett.Add(max(k.cfg.Poll, sjeldenPoll)), nil
}

// innboks reads the supplier's receipts and sees which jobs it has fetched.
func (k *Kanal) innboks(ctx context.Context, naa time.Time) error {
	// Before looking: what becomes Klar after this is not among them.
	klare, err := k.ider(ctx, `WHERE tilstand = 'KLAR' ORDER BY opprettet`)
	if err != nil {
		return err
	}
	ctx, stopp := context.WithTimeout(ctx, innbokstid)
	defer stopp()
	m, err := k.Transport.Koble(ctx)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // only read, or what was done is done
	flere, err := k.lesKvitteringer(ctx, m)
	if err := errors.Join(err, k.merkHentet(ctx, m, klare)); err != nil {
		return err
	}
	k.mu.Lock()
	k.sett, k.flere = naa, flere
	k.mu.Unlock()
	return nil
}

// merkHentet notes which of the jobs are gone from the supplier's folder.
func (k *Kanal) merkHentet(ctx context.Context, m Forbindelse, klare []string) error {
	if len(klare) == 0 {
		return nil
	}
	navn, err := m.List(k.cfg.Ut, ".json", maksUtlagt)
	if err != nil {
		return fmt.Errorf("listing the supplier's jobs: %w", err)
	}
	if len(navn) == maksUtlagt {
		k.Log.WarnContext(ctx, "the print supplier fetches nothing", "jobber", len(navn))
		return nil
	}
	ligger := make(map[string]bool, len(navn))
	for _, n := range navn {
		ligger[n] = true
	}
	for _, id := range klare {
		if ligger[id+".json"] {
			continue
		}
		err := k.DB.Write(ctx, func(tx *store.Tx) error {
			j, err := k.hent(ctx, tx, id)
			if err != nil || j.Tilstand != Klar {
				return err
			}
			j.Tilstand, j.Endret = Hentet, k.Klokke.Now()
			return k.lagre(ctx, tx, j)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// innkommet is a receipt's file.
type innkommet struct {
	navn, jobbID string // jobbID is "" when the name is not one of a receipt
	nr           int
}

// lesKvitteringer takes the receipts in the order of their numbers. One that cannot
// be read at two looks is put aside, and people are told; what is being written at
// the first look is whole at the second. flere: look again soon.
func (k *Kanal) lesKvitteringer(ctx context.Context, m Forbindelse) (flere bool, err error) {
	navn, err := m.List(k.cfg.Inn, ".json", maksKvitteringer)
	if errors.Is(err, fs.ErrNotExist) {
		return false, m.Mappe(k.cfg.Inn)
	} else if err != nil {
		return false, fmt.Errorf("listing the supplier's receipts: %w", err)
	}
	var filer []innkommet
	for _, n := range navn {
		f := innkommet{navn: n}
		if d := kvitteringsnavn.FindStringSubmatch(n); d != nil {
			f.jobbID = d[1]
			f.nr, _ = strconv.Atoi(d[2]) // at most nine digits
		}
		filer = append(filer, f)
	}
	slices.SortFunc(filer, func(a, b innkommet) int {
		return cmp.Or(cmp.Compare(a.jobbID, b.jobbID), cmp.Compare(a.nr, b.nr), cmp.Compare(a.navn, b.navn))
	})
	sist, naa := k.mistenkt, map[string]string{}
	var feilet []error
	for _, f := range filer {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		sum, err := k.lesEn(ctx, m, f)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist): // taken; or somebody else took it
		case !avvisbar(err):
			feilet = append(feilet, err)
		case sist[f.navn] == varslet || sist[f.navn] == sum:
			if sist[f.navn] != varslet {
				if err := k.varsleUlest(ctx, f, err); err != nil {
					feilet = append(feilet, err)
					naa[f.navn] = sum
					continue
				}
			}
			if err := k.leggBort(m, f.navn); err != nil { // no failure: the next look shall not wait
				k.Log.WarnContext(ctx, "a receipt could not be put aside", "jobb", f.jobbID, "nr", f.nr, "err", utenSti(err))
				naa[f.navn] = varslet
			}
		default:
			naa[f.navn] = sum
		}
	}
	k.mistenkt = naa
	return len(navn) == maksKvitteringer || len(naa) > 0, errors.Join(feilet...)
}

// varslet stands for the checksum of a file that people have been told of.
const varslet = "varslet"

// avvisbar tells whether an error is the receipt's fault, not ours.
func avvisbar(err error) bool {
	switch feil.KodeAv(err) {
	case feil.Ugyldig, feil.IkkeFunnet, feil.Konflikt:
		return true
	}
	return false
}

// lesEn takes one receipt and removes it; sum is of what it holds.
func (k *Kanal) lesEn(ctx context.Context, m Forbindelse, f innkommet) (sum string, err error) {
	sti := path.Join(k.cfg.Inn, f.navn)
	b, err := m.Les(sti, maksKvittering)
	if err != nil {
		return "", utenSti(err)
	}
	h := sha256.Sum256(b)
	sum = hex.EncodeToString(h[:])
	kv, err := lesKvittering(b)
	if err != nil {
		return sum, err
	}
	if kv.JobbID != f.jobbID {
		return sum, feil.Ny(feil.Ugyldig, "Filnavnet er ikke <jobbId>.<n>.json")
	}
	if err := k.Kvitter(ctx, kv); err != nil {
		return sum, err
	}
	if err := m.Slett(sti); err != nil {
		return sum, fmt.Errorf("removing a receipt that is read: %w", err)
	}
	return sum, nil
}

// varsleUlest tells of a receipt that cannot be taken: the contacts of the letter,
// where its name tells which, and those who run the platform.
func (k *Kanal) varsleUlest(ctx context.Context, f innkommet, aarsak error) error {
	k.Log.ErrorContext(ctx, "a receipt of the print supplier cannot be taken", "jobb", f.jobbID, "nr", f.nr, "err", aarsak)
	return k.DB.Write(ctx, func(tx *store.Tx) error {
		if f.jobbID != "" {
			j, err := k.hent(ctx, tx, f.jobbID)
			if err == nil {
				_, err = k.Levering.SlaaAlarm(ctx, tx, levering.KanalPrint, j.LeveranseID, grunnUlest)
			}
			if err != nil && !feil.Er(err, feil.IkkeFunnet) {
				return err
			}
		}
		if k.Varsler == nil || len(k.cfg.Driftsvarsel) == 0 {
			return nil
		}
		hvilken := "Filen har ikke navn som en kvittering (<jobbId>.<n>.json)."
		if f.jobbID != "" {
			hvilken = fmt.Sprintf("Utskriftsjobb: %s, kvittering nr. %d.", f.jobbID, f.nr)
		}
		return k.Varsler.Send(ctx, tx, k.cfg.Driftsvarsel, "En kvittering fra utskriftsleverandøren kan ikke leses",
			hvilken+"\n\nFilen er flyttet til mappen "+path.Join(k.cfg.Inn, feilmappe)+". Rett den og legg den tilbake, eller be leverandøren sende den på nytt.\n")
	})
}

// utenSti is what went wrong with a file, without its name, which the supplier chose.
func utenSti(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// leggBort moves a receipt to where nobody reads it.
func (k *Kanal) leggBort(m Forbindelse, navn string) error {
	mappe := path.Join(k.cfg.Inn, feilmappe)
	if err := m.Mappe(mappe); err != nil {
		return fmt.Errorf("putting a receipt aside: %w", err)
	}
	if err := m.Flytt(path.Join(k.cfg.Inn, navn), path.Join(mappe, navn)); err != nil {
		return fmt.Errorf("putting a receipt aside: %w", err)
	}
	return nil
}
