package fiksio

import (
	"context"
	"net/http"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/organisasjon"
)

// maksJSON bounds a JSON body, bytes.
const maksJSON = 1 << 20

// HTTP is the room's face (Fiks IO contract §3–5).
type HTTP struct{ s *Service }

// HTTP gives the room's face.
func (s *Service) HTTP() HTTP { return HTTP{s} }

// Routes are all endpoints with who may use them. A trailing slash means nothing.
func (h HTTP) Routes() []auth.Route {
	alle := auth.Tilgang{Slag: auth.Integrasjon | auth.IntegrasjonPerson | auth.Person}
	katalog := auth.Tilgang{Slag: auth.Integrasjon | auth.Person}
	apen := auth.Tilgang{Slag: auth.Anonym | auth.Integrasjon | auth.IntegrasjonPerson | auth.Person,
		Merknad: "åpen: klientene spør uten noen legitimasjon (kontrakt §2)"}
	konto := auth.Tilgang{Slag: auth.Integrasjon | auth.Person, Niva: 4, Privilegium: auth.FiksIOKonto, Ressurs: kontoRessurs}
	eier := auth.Tilgang{Slag: auth.Person, Niva: 4, Privilegium: auth.Admin, Ressurs: kontoRessurs}
	iHandler := func(merknad string) auth.Tilgang {
		return auth.Tilgang{Slag: auth.Integrasjon | auth.Person, Niva: 4, Merknad: merknad}
	}
	rot := auth.Tilgang{Slag: auth.Person, Niva: 4, Privilegium: auth.Rot,
		Ressurs: func(context.Context, *http.Request) (string, error) { return organisasjon.RotID, nil }}
	const (
		kat = "/fiks-io/katalog/api/v1"
		ko  = "/fiks-io/konto/api/v1/kontoer/{kontoId}"
		adr = ko + "/adresser/{adresseId}"
		man = "/fiks-io/manuell/api/v1/kontoer/{kontoId}/meldinger"
	)
	return []auth.Route{
		{Pattern: "GET " + kat + "/lookup", Tilgang: katalog, Handler: h.lookup},
		{Pattern: "GET " + kat + "/kontoer/{kontoId}", Tilgang: katalog, Handler: h.katalogKonto},
		{Pattern: "GET " + kat + "/kontoer/{kontoId}/status", Tilgang: katalog, Handler: h.katalogStatus},
		{Pattern: "GET " + kat + "/kontoer/{kontoId}/offentligNokkel", Tilgang: apen, Handler: h.hentNokkel},
		{Pattern: "POST " + kat + "/matchendeAdresser", Tilgang: katalog, Handler: h.matchendeAdresser},
		{Pattern: "POST " + kat + "/sertifikat/verifiser", Tilgang: katalog, Handler: h.verifiserSertifikat},

		{Pattern: "POST /fiks-io/konto/api/v1/kontoer", Tilgang: iHandler("ADMIN på fiksOrgId i kroppen"), Handler: h.opprettKonto},
		{Pattern: "GET /fiks-io/konto/api/v1/kontosok", Tilgang: iHandler("viser bare kontoer som den som spør har SVARINN_KONTO på"), Handler: h.kontosok},
		{Pattern: "GET " + ko, Tilgang: konto, Handler: h.visKonto},
		{Pattern: "PUT " + ko, Tilgang: konto, Handler: h.settNavn},
		{Pattern: "DELETE " + ko, Tilgang: eier, Handler: h.slettKonto},
		{Pattern: "PUT " + ko + "/kontoNavn", Tilgang: konto, Handler: h.settNavn},
		{Pattern: "PUT " + ko + "/aktiver", Tilgang: konto, Handler: h.settAktiv(true)},
		{Pattern: "PUT " + ko + "/deaktiver", Tilgang: konto, Handler: h.settAktiv(false)},
		{Pattern: "GET " + ko + "/offentligNokkel", Tilgang: konto, Handler: h.hentNokkel},
		{Pattern: "PUT " + ko + "/offentligNokkel", Tilgang: konto, Handler: h.settNokkel},
		{Pattern: "PUT " + ko + "/offentligNokkelString", Tilgang: konto, Handler: h.settNokkel},
		{Pattern: "DELETE " + ko + "/offentligNokkel", Tilgang: konto, Handler: h.slettNokkel},
		{Pattern: "GET " + ko + "/adresser", Tilgang: konto, Handler: h.visAdresser},
		{Pattern: "POST " + ko + "/adresser", Tilgang: konto, Handler: h.opprettAdresse},
		{Pattern: "DELETE " + adr, Tilgang: konto, Handler: h.slettAdresse},
		{Pattern: "PUT " + adr + "/aktiver", Tilgang: konto, Handler: h.adresseAktiv(true)},
		{Pattern: "PUT " + adr + "/deaktiver", Tilgang: konto, Handler: h.adresseAktiv(false)},
		{Pattern: "PUT " + adr + "/beskrivelse", Tilgang: konto, Handler: h.adresseBeskrivelse},
		{Pattern: "POST " + adr + "/identifikatorer", Tilgang: konto, Handler: h.endreIdentifikatorer(false)},
		{Pattern: "POST " + adr + "/identifikatorer/fjern", Tilgang: konto, Handler: h.endreIdentifikatorer(true)},
		{Pattern: "POST " + adr + "/meldingsprotokoller", Tilgang: konto, Handler: h.endreProtokoller(false)},
		{Pattern: "POST " + adr + "/meldingsprotokoller/fjern", Tilgang: konto, Handler: h.endreProtokoller(true)},
		{Pattern: "POST " + adr + "/sikkerhetsnivaer", Tilgang: konto, Handler: h.endreNivaer(false)},
		{Pattern: "POST " + adr + "/sikkerhetsnivaer/fjern", Tilgang: konto, Handler: h.endreNivaer(true)},
		{Pattern: "GET " + ko + "/aksepterteAvsendere", Tilgang: konto, Handler: h.visAvsendere},
		{Pattern: "POST " + ko + "/aksepterteAvsendere", Tilgang: konto, Handler: h.leggTilAvsender},
		{Pattern: "PUT " + ko + "/aksepterteAvsendere/aktiver", Tilgang: konto, Handler: h.kunAksepterte(true)},
		{Pattern: "PUT " + ko + "/aksepterteAvsendere/deaktiver", Tilgang: konto, Handler: h.kunAksepterte(false)},
		{Pattern: "DELETE " + ko + "/aksepterteAvsendere/{avsenderKontoId}", Tilgang: konto, Handler: h.fjernAvsender},
		{Pattern: "POST " + ko + "/validerMelding", Tilgang: iHandler("SVARINN_KONTO på kontoen eller på avsenderKontoId"), Handler: h.validerMelding},

		{Pattern: "GET /fiks-io/root/api/v1/kontoer", Tilgang: rot, Handler: h.rotKontoer},
		{Pattern: "GET /fiks-io/root/api/v1/kontoer/{kontoId}/queue", Tilgang: rot, Handler: h.rotKo},
		{Pattern: "PUT /fiks-io/root/api/v1/kontoer/{kontoId}/queue", Tilgang: rot, Handler: h.rotKo},

		{Pattern: "GET /fiks-io/meldingsprotokollkatalog/api/v1/meldingsprotokoller", Tilgang: alle, Handler: h.protokoller},
		{Pattern: "GET /fiks-io/meldingsprotokollkatalog/api/v1/meldingsprotokoller/{navn}", Tilgang: alle, Handler: h.protokoll},
		{Pattern: "GET /fiks-io/meldingstypekatalog/api/v1/meldingsgrupper", Tilgang: alle, Handler: h.protokoller},
		{Pattern: "GET /fiks-io/meldingstypekatalog/api/v1/meldingsgrupper/{navn}", Tilgang: alle, Handler: h.protokoll},

		{Pattern: "POST /fiks-io/api/v1/send", Tilgang: auth.Tilgang{Slag: auth.Integrasjon, Merknad: "SVARINN_KONTO på avsenderKontoId i metadata"}, Handler: h.send},

		{Pattern: "GET " + man + "/neste/metadata", Tilgang: konto, Handler: h.nesteMetadata},
		{Pattern: "GET " + man + "/neste/data", Tilgang: konto, Handler: h.nesteData},
		{Pattern: "GET " + man + "/neste/ack", Tilgang: konto, Handler: h.nesteAck},
		{Pattern: "GET " + man + "/neste/nac", Tilgang: konto, Handler: h.nesteNac},
		{Pattern: "POST " + man + "/neste/svarOgAck", Tilgang: konto, Handler: h.svarOgAck},
		{Pattern: "GET " + man + "/antall", Tilgang: konto, Handler: h.antall},
	}
}

// kontoRessurs: a konto's ressurs has the konto's id.
func kontoRessurs(_ context.Context, r *http.Request) (string, error) { return sti(r, "kontoId"), nil }

// sti reads an id from the path.
func sti(r *http.Request, navn string) string { return strings.ToLower(r.PathValue(navn)) }

// aktor is who asks, for what is stored of changes.
func aktor(r *http.Request) string { return auth.From(r.Context()).Aktor() }

// krev checks a privilege that depends on the body.
func (h HTTP) krev(r *http.Request, privilegium string, ressurser ...string) error {
	for _, id := range ressurser {
		if !erUUID(id) {
			continue
		}
		har, err := h.s.Tilgang.Har(r.Context(), aktor(r), privilegium, id)
		if err != nil || har {
			return err
		}
	}
	return feil.Ny(feil.IngenTilgang, "Mangler tilgang: %s kreves", privilegium)
}

func lesJSON[T any](r *http.Request) (T, error) {
	var v T
	err := httpx.ReadJSON(r, maksJSON, &v)
	return v, err
}

func tomt(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
