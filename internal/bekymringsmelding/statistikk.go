package bekymringsmelding

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// sok is what a listing is narrowed to (§7), as SQL.
type sok struct {
	vilkar []string
	args   []any
}

// og adds a condition; each ? in it stands for the next argument.
func (f *sok) og(vilkar string, args ...any) {
	for _, a := range args {
		f.args = append(f.args, a)
		vilkar = strings.Replace(vilkar, "?", "$"+strconv.Itoa(len(f.args)), 1)
	}
	f.vilkar = append(f.vilkar, vilkar)
}

func (f sok) hvor() string {
	if len(f.vilkar) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(f.vilkar, ` AND `)
}

const (
	maksAntall = 1000
	maksDager  = 100 * 366
)

// heltallFra reads a number of a query between 0 and maks; feil.Ugyldig.
func heltallFra(q url.Values, navn string, ellers, maks int) (int, error) {
	v := q.Get(navn)
	if v == "" {
		return ellers, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maks {
		return 0, feil.Ny(feil.Ugyldig, "%s må være et tall fra 0 til %d", navn, maks)
	}
	return n, nil
}

// datoFra reads a day, or a time that begins with one, in Oslo; feil.Ugyldig.
func datoFra(q url.Values, navn string) (time.Time, error) {
	v := q.Get(navn)
	if v == "" {
		return time.Time{}, nil
	}
	if len(v) > len(time.DateOnly) && v[len(time.DateOnly)] == 'T' {
		v = v[:len(time.DateOnly)]
	}
	t, err := time.ParseInLocation(time.DateOnly, v, klokke.Sone())
	if err != nil {
		return t, feil.Ny(feil.Ugyldig, "%s må være en dato: åååå-mm-dd", navn)
	}
	return t, nil
}

// periode narrows to the days of a query: fraDato and tilDato, both included, or
// sisteDager.
func (s *Service) periode(f *sok, q url.Values) error {
	fra, err := datoFra(q, "fraDato")
	if err != nil {
		return err
	}
	til, err := datoFra(q, "tilDato")
	if err != nil {
		return err
	}
	dager, err := heltallFra(q, "sisteDager", 0, maksDager)
	if err != nil {
		return err
	}
	if dager > 0 {
		f.og(`innsendt > ?`, store.Micros(s.Klokke.Now().AddDate(0, 0, -dager)))
	}
	if !fra.IsZero() {
		f.og(`innsendt >= ?`, store.Micros(fra))
	}
	if !til.IsZero() {
		f.og(`innsendt < ?`, store.Micros(til.AddDate(0, 0, 1)))
	}
	return nil
}

// Conditions of the warnings (§7).
func (s *Service) advarsel(f *sok, navn string) error {
	switch navn {
	case "":
	case "IKKE_SENDT":
		f.og(`tilstand = 'AKSEPTERT' AND innsendt <= ?`, store.Micros(s.Klokke.Now().Add(-s.cfg.IkkeSendt)))
	case "IKKE_BEKREFTET_FAGSYSTEM":
		f.og(`tilstand IN ('SENDT_FAGSYSTEM', 'AVVIST_FAGSYSTEM')`)
	case "IKKE_BEKREFTET_PRINT":
		f.og(`tilstand IN ('SENDT_PRINT', 'AVVIST_PRINT')`)
	default:
		return feil.Ny(feil.Ugyldig, "advarsel må være IKKE_BEKREFTET_FAGSYSTEM, IKKE_BEKREFTET_PRINT eller IKKE_SENDT")
	}
	return nil
}

// likt is a text that a column is searched for, with no meaning of its own in LIKE.
func likt(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}

// filter reads the query of a listing of reports.
func (s *Service) filter(r *http.Request) (f sok, err error) {
	org, err := s.omfang(r)
	if err != nil {
		return f, err
	}
	q := r.URL.Query()
	if org != "" {
		f.og(`fiks_org = ?`, org)
	}
	if err := s.periode(&f, q); err != nil {
		return f, err
	}
	if err := s.advarsel(&f, q.Get("advarsel")); err != nil {
		return f, err
	}
	if v := strings.TrimSpace(q.Get("sok")); v != "" {
		l := likt(v)
		f.og(`(lower(bydelsnavn) LIKE ? ESCAPE '\' OR id LIKE ? ESCAPE '\' OR fiks_org LIKE ? ESCAPE '\' OR ressurs_id LIKE ? ESCAPE '\')`, l, l, l, l)
	}
	switch v := q.Get("fraFagsystem"); v {
	case "":
	case "true", "false":
		f.og(`fra_fagsystem = ?`, heltall(v == "true"))
	default:
		return f, feil.Ny(feil.Ugyldig, "fraFagsystem må være true eller false")
	}
	switch v := q.Get("skjemaType"); v {
	case "":
	case "PRIVAT", "OFFENTLIG":
		f.og(`type = ?`, v)
	case "UKJENT":
		f.og(`type NOT IN ('PRIVAT', 'OFFENTLIG')`)
	default:
		return f, feil.Ny(feil.Ugyldig, "skjemaType må være PRIVAT, OFFENTLIG eller UKJENT")
	}
	switch v := q.Get("kanal"); v {
	case "":
	case "FIKS_IO", "SVARINN", "MANUELL_MOTTAK", "PRINT":
		f.og(`naa_kanal = ?`, v)
	default:
		return f, feil.Ny(feil.Ugyldig, "kanal må være FIKS_IO, SVARINN, MANUELL_MOTTAK eller PRINT")
	}
	return f, nil
}

func (s *Service) tell(ctx context.Context, f sok) (n int, err error) {
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM bekymring_melding`+f.hvor(), f.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting reports: %w", err)
	}
	return n, nil
}

// visning is a report in a listing. The last two are of v2.
type visning struct {
	ID           string       `json:"bekymringsmeldingId"`
	FiksOrgID    string       `json:"fiksOrgId"`
	RessursID    string       `json:"bydelRessursId"`
	Innsendt     string       `json:"innsendt"`
	Bydelsnavn   string       `json:"bydelsnavn"`
	Kanal        Kanal        `json:"kanal"`
	Bekreftet    string       `json:"bekreftet"` // "" when it is not
	FraFagsystem *bool        `json:"fraFagsystem,omitempty"`
	SkjemaType   *skjema.Type `json:"skjemaType,omitempty"`
}

// grovt is a time as it is shown to administrators: the hour. They follow up deliveries;
// the minute could tell them who reported.
func grovt(t time.Time) string { return klokke.Oslo(t).Truncate(time.Hour).Format(lokaltid) }

func vis(m Melding, v2 bool) visning {
	v := visning{ID: m.ID, FiksOrgID: m.FiksOrgID, RessursID: m.RessursID, Innsendt: grovt(m.Innsendt),
		Bydelsnavn: m.Bydelsnavn, Kanal: m.NaaKanal}
	if !m.Levert.IsZero() {
		v.Bekreftet = grovt(m.Levert)
	}
	if v2 {
		v.FraFagsystem, v.SkjemaType = &m.FraFagsystem, &m.Type
	}
	return v
}

func (s *Service) getMeldinger(versjon string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		f, err := s.filter(r)
		if err != nil {
			return err
		}
		fra, antall, err := side(r.URL.Query())
		if err != nil {
			return err
		}
		ut := struct {
			Totalt    int       `json:"totaltAntallTreff"`
			Meldinger []visning `json:"meldinger"`
		}{Meldinger: []visning{}}
		if ut.Totalt, err = s.tell(ctx, f); err != nil {
			return err
		}
		alle, err := meldinger(ctx, s.DB.Read(), f.hvor()+fmt.Sprintf(` ORDER BY innsendt DESC, id LIMIT %d OFFSET %d`, antall, fra), f.args...)
		if err != nil {
			return err
		}
		for _, m := range alle {
			ut.Meldinger = append(ut.Meldinger, vis(m, versjon == "v2"))
		}
		return httpx.JSON(w, http.StatusOK, ut)
	}
}

func side(q url.Values) (fra, antall int, err error) {
	if fra, err = heltallFra(q, "fra", 0, 1<<30); err != nil {
		return
	}
	antall, err = heltallFra(q, "antall", 50, maksAntall)
	return
}

// getCSV is the listing for a spreadsheet (§7): semicolons, UTF-8 with BOM.
func (s *Service) getCSV(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.filter(r)
	if err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT `+meldingKolonner+` FROM bekymring_melding`+f.hvor()+` ORDER BY innsendt DESC, id`, f.args...)
	if err != nil {
		return fmt.Errorf("listing reports: %w", err)
	}
	defer rows.Close()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="bekymringsmeldinger.csv"`)
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	ut := csv.NewWriter(w)
	ut.Comma = ';'
	_ = ut.Write([]string{"bekymringsmeldingId", "fiksOrgId", "bydelRessursId", "innsendt", "bydelsnavn", "kanal", "bekreftet", "fraFagsystem", "skjemaType"})
	for rows.Next() {
		m, err := lesMelding(rows)
		if err != nil {
			return err
		}
		v := vis(m, true)
		_ = ut.Write([]string{v.ID, v.FiksOrgID, v.RessursID, v.Innsendt, celle(v.Bydelsnavn), string(v.Kanal), v.Bekreftet,
			strconv.FormatBool(m.FraFagsystem), string(m.Type)}) // its error stays until Flush
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("listing reports: %w", err)
	}
	ut.Flush()
	return ut.Error()
}

// celle keeps a spreadsheet from taking a name for a formula.
func celle(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// tall are the counts that the statistics are made of.
type tall struct {
	privat, offentlig, print, fiksIO, manuell, svarinn, fraFagsystem, alle, ubekreftet, ikkeSendt, ikkeFagsystem, ikkePost int
}

func (s *Service) tellAlt(ctx context.Context, f sok) (t tall, err error) {
	// The limit for what is not sent is no condition of the rows that are counted.
	f.args = append(f.args, store.Micros(s.Klokke.Now().Add(-s.cfg.IkkeSendt)))
	sum := func(vilkar string) string { return `coalesce(sum(CASE WHEN ` + vilkar + ` THEN 1 ELSE 0 END), 0)` }
	sporring := `SELECT ` + strings.Join([]string{
		sum(`type = 'PRIVAT'`), sum(`type = 'OFFENTLIG'`),
		sum(`levert > 0 AND naa_kanal = 'PRINT'`), sum(`levert > 0 AND naa_kanal = 'FIKS_IO'`),
		sum(`levert > 0 AND naa_kanal = 'MANUELL_MOTTAK'`), sum(`levert > 0 AND naa_kanal = 'SVARINN'`),
		sum(`fra_fagsystem = 1`), `count(*)`, sum(`tilstand <> 'LEVERT'`),
		sum(fmt.Sprintf(`tilstand = 'AKSEPTERT' AND innsendt <= $%d`, len(f.args))),
		sum(`tilstand IN ('SENDT_FAGSYSTEM', 'AVVIST_FAGSYSTEM')`), sum(`tilstand IN ('SENDT_PRINT', 'AVVIST_PRINT')`),
	}, `, `) + ` FROM bekymring_melding` + f.hvor()
	err = s.DB.Read().QueryRowContext(ctx, sporring, f.args...).Scan(&t.privat, &t.offentlig, &t.print, &t.fiksIO, &t.manuell,
		&t.svarinn, &t.fraFagsystem, &t.alle, &t.ubekreftet, &t.ikkeSendt, &t.ikkeFagsystem, &t.ikkePost)
	if err != nil {
		return t, fmt.Errorf("counting reports: %w", err)
	}
	return t, nil
}

func (s *Service) getStatistikk(versjon string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx, q := r.Context(), r.URL.Query()
		org, err := s.omfang(r)
		if err != nil {
			return err
		}
		var alle sok
		if org != "" {
			alle.og(`fiks_org = ?`, org)
		}
		f := sok{append([]string{}, alle.vilkar...), append([]any{}, alle.args...)}
		if err := s.periode(&f, q); err != nil {
			return err
		}
		t, err := s.tellAlt(ctx, f)
		if err != nil {
			return err
		}
		if versjon == "v2" {
			ut := map[string]any{
				"antallPrivateBekymringsmeldinger": t.privat, "antallOffentligBekymringsmeldinger": t.offentlig,
				"antallLevertPrint": t.print, "antallLevertFiksIO": t.fiksIO, "antallLevertManuellMottak": t.manuell, "antallLevertSvarinn": t.svarinn,
				"antallFraFagsystem": t.fraFagsystem, "antallBekymringsmeldinger": t.alle, "antallUbekreftedeBekymringsmeldinger": t.ubekreftet,
				"antallIkkeSendt": t.ikkeSendt, "antallIkkeBekreftetFagsystem": t.ikkeFagsystem, "antallIkkeLevertPost": t.ikkePost,
			}
			for _, d := range []string{"fraDato", "tilDato"} {
				if t, _ := datoFra(q, d); !t.IsZero() {
					ut[d] = dato(t)
				}
			}
			return httpx.JSON(w, http.StatusOK, ut)
		}
		totalt, err := s.tellAlt(ctx, alle)
		if err != nil {
			return err
		}
		dager, _ := heltallFra(q, "sisteDager", 0, maksDager)
		return httpx.JSON(w, http.StatusOK, map[string]any{
			"antallBekymringsmeldingerTotalt": totalt.alle, "antallUbekreftedeBekymringsmeldingerTotalt": totalt.ubekreftet,
			"antallPrivateBekymringsmeldingerSisteDager": t.privat, "antallOffentligBekymringsmeldingerSisteDager": t.offentlig,
			"antallLevertPrintSisteDager": t.print, "antallLevertFiksIOSisteDager": t.fiksIO,
			"antallLevertManuellMottakSisteDager": t.manuell, "antallLevertSvarinnSisteDager": t.svarinn,
			"antallIkkeSendt": totalt.ikkeSendt, "antallIkkeBekreftetFagsystem": totalt.ikkeFagsystem, "antallIkkeLevertPost": totalt.ikkePost,
			"sisteDager": dager,
		})
	}
}

// getStatistikkBydeler counts for each bydel, in the order of their names.
func (s *Service) getStatistikkBydeler(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	f, err := s.filter(r)
	if err != nil {
		return err
	}
	fra, antall, err := side(q)
	if err != nil {
		return err
	}
	type telling struct {
		Totalt     int `json:"antallBekymringsmeldingerTotalt"`
		Ubekreftet int `json:"antallUbekreftedeBekymringsmeldingerTotalt"`
		Fagsystem  int `json:"antallLevertFagsystem"`
		Print      int `json:"antallLevertPrint"`
	}
	type kontakt struct {
		Eposter []string `json:"eposter"`
	}
	type rad struct {
		Bydelsnavn  string   `json:"bydelsnavn"`
		Statistikk  telling  `json:"statistikk"`
		FiksOrgID   string   `json:"fiksOrgId"`
		RessursID   string   `json:"bydelRessursId"`
		KontoType   Kanal    `json:"kontoType"`
		Varsel      []string `json:"varseleposter"`
		Kontaktinfo kontakt  `json:"kontaktinformasjon"`
	}
	ut := struct {
		Totalt  int   `json:"totaltAntallTreff"`
		Bydeler []rad `json:"statistikkBydeler"`
	}{Bydeler: []rad{}}
	if err := s.DB.Read().QueryRowContext(ctx, `SELECT count(DISTINCT ressurs_id) FROM bekymring_melding`+f.hvor(), f.args...).Scan(&ut.Totalt); err != nil {
		return fmt.Errorf("counting bydeler: %w", err)
	}
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT ressurs_id, min(fiks_org), max(bydelsnavn), count(*),
		sum(CASE WHEN tilstand <> 'LEVERT' THEN 1 ELSE 0 END), sum(CASE WHEN levert > 0 AND naa_kanal <> 'PRINT' THEN 1 ELSE 0 END),
		sum(CASE WHEN levert > 0 AND naa_kanal = 'PRINT' THEN 1 ELSE 0 END) FROM bekymring_melding`+f.hvor()+
		fmt.Sprintf(` GROUP BY ressurs_id ORDER BY max(bydelsnavn), ressurs_id LIMIT %d OFFSET %d`, antall, fra), f.args...)
	if err != nil {
		return fmt.Errorf("counting by bydel: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v := rad{Varsel: []string{}, Kontaktinfo: kontakt{[]string{}}}
		if err := rows.Scan(&v.RessursID, &v.FiksOrgID, &v.Bydelsnavn, &v.Statistikk.Totalt, &v.Statistikk.Ubekreftet, &v.Statistikk.Fagsystem, &v.Statistikk.Print); err != nil {
			return fmt.Errorf("counting by bydel: %w", err)
		}
		ut.Bydeler = append(ut.Bydeler, v)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("counting by bydel: %w", err)
	}
	for i := range ut.Bydeler {
		v := &ut.Bydeler[i]
		b, err := s.BydelMedRessurs(ctx, v.RessursID)
		if feil.Er(err, feil.IkkeFunnet) {
			continue
		} else if err != nil {
			return err
		}
		v.Bydelsnavn, v.KontoType = b.Navn, b.Kanal
		v.Varsel = append(v.Varsel, b.VarselEposter...)
		v.Kontaktinfo.Eposter = append(v.Kontaktinfo.Eposter, b.Kontakter...)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// getStatistikkSkjematyper counts by day, the oldest first.
func (s *Service) getStatistikkSkjematyper(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.filter(r)
	if err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT innsendt, type FROM bekymring_melding`+f.hvor()+` ORDER BY innsendt`, f.args...)
	if err != nil {
		return fmt.Errorf("counting by day: %w", err)
	}
	defer rows.Close()
	type dag struct {
		Totalt    int    `json:"antallBekymringsmeldingerTotalt"`
		Privat    int    `json:"antallPrivatBekymringsmeldinger"`
		Offentlig int    `json:"antallOffentligBekymringsmeldinger"`
		Dato      string `json:"dato"`
	}
	ut := []dag{}
	for rows.Next() {
		var naar int64
		var typ skjema.Type
		if err := rows.Scan(&naar, &typ); err != nil {
			return fmt.Errorf("counting by day: %w", err)
		}
		d := dato(store.Time(naar))
		if len(ut) == 0 || ut[len(ut)-1].Dato != d {
			ut = append(ut, dag{Dato: d})
		}
		v := &ut[len(ut)-1]
		v.Totalt++
		switch typ {
		case skjema.TypePrivat:
			v.Privat++
		case skjema.TypeOffentlig:
			v.Offentlig++
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("counting by day: %w", err)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
