package fiksio

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

// mottattMetadata is MottattMeldingMetadata (contract §5.3).
type mottattMetadata struct {
	MeldingID       string  `json:"meldingId"`
	MeldingType     string  `json:"meldingType"`
	AvsenderKontoID string  `json:"avsenderKontoId"`
	MottakerKontoID string  `json:"mottakerKontoId"`
	TTL             int64   `json:"ttl"` // ms
	DeliveryTag     int64   `json:"deliveryTag"`
	SvarPaMelding   *string `json:"svarPaMelding"`
}

func visMottatt(m Melding) mottattMetadata {
	return mottattMetadata{m.MeldingID, m.Type, m.AvsenderKontoID, m.MottakerKontoID, m.TTL.Milliseconds(), m.Seq, ellerNull(m.SvarPaMelding)}
}

// Neste is the first message of a konto's queue that no AMQP consumer holds; false
// when there is none. feil.IkkeFunnet for an unknown konto, feil.IngenTilgang for
// an internal one, whose messages are receipts that the platform waits for.
func (s *Service) Neste(ctx context.Context, kontoID string) (Melding, bool, error) {
	k, err := s.Konto(ctx, kontoID)
	if err != nil {
		return Melding{}, false, err
	}
	if k.Intern {
		return Melding{}, false, feil.Ny(feil.IngenTilgang, "Plattformens egen konto tømmes bare av plattformen")
	}
	holdt := s.kringkaster().Held(Ko(kontoID))
	now := s.Klokke.Now()
	// Keys first: consumers may hold a hundred thousand messages.
	rader, err := lesUtlopte(ctx, s.DB.Read(), `SELECT id, utloper FROM fiksio_melding WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3`,
		nokkel(k.nr, 0), nokkel(k.nr+1, 0), len(holdt)+utlopBunt)
	if err != nil {
		return Melding{}, false, err
	}
	for _, r := range rader {
		_, seq := delNokkel(r.id)
		if _, h := slices.BinarySearch(holdt, seq); h || r.utloper <= store.Micros(now) {
			continue
		}
		ms, _, err := s.meldinger(ctx, s.DB.Read(), k.ID, `id = $1`, r.id)
		if err != nil {
			return Melding{}, false, err
		}
		if len(ms) > 0 { // else it was consumed meanwhile
			return ms[0], true, nil
		}
	}
	return Melding{}, false, nil
}

// Ta removes a message from its queue by hand, with fn in the same transaction
// (nil: nothing). feil.Konflikt when a consumer took it meanwhile.
func (s *Service) Ta(ctx context.Context, m Melding, fn func(tx *store.Tx) error) error {
	ko := Ko(m.MottakerKontoID)
	return s.kringkaster().Withdraw(ko, []int64{m.Seq}, func(fri []int64) error {
		opptatt := feil.Ny(feil.Konflikt, "En annen mottaker har tatt meldingen")
		if len(fri) == 0 {
			return opptatt
		}
		return s.DB.Write(ctx, func(tx *store.Tx) error {
			ms, _, err := s.meldinger(ctx, tx, m.MottakerKontoID, `id = $1`, m.id)
			if err != nil {
				return err
			}
			if len(ms) == 0 {
				return opptatt
			}
			if fn != nil {
				if err := fn(tx); err != nil {
					return err
				}
			}
			tx.OnCommit(func() { s.minne.fjern(ko, m.Seq) })
			return s.fjern(ctx, tx, []int64{m.id})
		})
	})
}

// neste finds the message to act on; ok is false when an empty answer was given.
func (h HTTP) neste(w http.ResponseWriter, r *http.Request) (m Melding, ok bool, err error) {
	m, ok, err = h.s.Neste(r.Context(), sti(r, "kontoId"))
	if err == nil && !ok {
		return m, false, tomt(w)
	}
	return m, ok, err
}

func (h HTTP) nesteMetadata(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := h.neste(w, r)
	if err != nil || !ok {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visMottatt(m))
}

func (h HTTP) nesteData(w http.ResponseWriter, r *http.Request) error {
	m, ok, err := h.s.Neste(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	if !ok {
		return feil.Ny(feil.IkkeFunnet, "Køen er tom")
	}
	body, err := h.s.Apne(r.Context(), m)
	if err != nil {
		return err
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if m.Storrelse > 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(m.Storrelse, 10))
	}
	_, err = io.Copy(w, body)
	return err
}

// ikkeHEAD keeps HEAD from a GET that changes something.
func ikkeHEAD(r *http.Request) error {
	if r.Method != http.MethodGet {
		return feil.Ny(feil.MetodeIkkeTillatt, "Metoden er ikke tillatt for denne ressursen")
	}
	return nil
}

func (h HTTP) nesteAck(w http.ResponseWriter, r *http.Request) error {
	return h.taNeste(w, r, func(*store.Tx, Melding) error { return ikkeHEAD(r) })
}

func (h HTTP) nesteNac(w http.ResponseWriter, r *http.Request) error {
	return h.taNeste(w, r, func(tx *store.Tx, m Melding) error {
		if err := ikkeHEAD(r); err != nil {
			return err
		}
		return h.s.loggAvvist(r.Context(), tx, m.id)
	})
}

func (h HTTP) taNeste(w http.ResponseWriter, r *http.Request, fn func(*store.Tx, Melding) error) error {
	m, ok, err := h.neste(w, r)
	if err != nil || !ok {
		return err
	}
	if err := h.s.Ta(r.Context(), m, func(tx *store.Tx) error { return fn(tx, m) }); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, visMottatt(m))
}

func (h HTTP) svarOgAck(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		MeldingType string `json:"meldingType"`
		TTL         *int64 `json:"ttl"` // ms
	}](r)
	if err != nil {
		return err
	}
	if err := sjekkType(inn.MeldingType); err != nil { // also when the queue is empty
		return err
	}
	ttl, err := lesTTL(inn.TTL)
	if err != nil {
		return err
	}
	return h.taNeste(w, r, func(tx *store.Tx, m Melding) error {
		svar := Utgaaende{AvsenderKontoID: m.MottakerKontoID, MottakerKontoID: m.AvsenderKontoID,
			Type: inn.MeldingType, SvarPaMelding: m.MeldingID, TTL: ttl}
		for _, navn := range []string{"klientKorrelasjonsId", "klientKorrelasjonId"} {
			if v, ok := m.Headere[navn]; ok {
				if svar.Headere == nil {
					svar.Headere = map[string]string{}
				}
				svar.Headere[navn] = v
			}
		}
		_, err := h.s.Send(r.Context(), tx, svar, nil)
		return avslag(err)
	})
}

func (h HTTP) antall(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	n, err := h.s.antall(r.Context(), h.s.DB.Read(), k.nr)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, n)
}
