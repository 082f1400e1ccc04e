package digisos

import (
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/levering"
)

func TestMellomlagring(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	const sti = "/digisos/api/v1/mellomlagring/ref_1-A"
	m := h.mellomlagre(t, "ref_1-A", "a.pdf", "b æøå.pdf")
	golden(t, "mellomlagring.json", h.get(t, nav, sti).er(t, 200))

	// A name that is taken: 409, and none of the request's files is kept.
	s := h.send(t, nav, sti, append(par(t, 0, "c.pdf", "c"), par(t, 1, "a.pdf", "a")...)...)
	if melding := s.melding(t, 409); strings.Contains(melding, "a.pdf") {
		t.Error("the file name is in the message")
	}
	h.send(t, nav, sti, append(par(t, 0, "d.pdf", "d"), par(t, 1, "d.pdf", "d")...)...).er(t, 409)
	if n := len(les[Mellomlagring](t, h.get(t, nav, sti), 200).MellomlagringMetadataList); n != 2 {
		t.Errorf("%d files", n)
	}
	if n := h.antall(t, "dokumenter"); n != 2 {
		t.Errorf("%d documents", n)
	}
	h.mellomlagre(t, "annen", "a.pdf") // the same name elsewhere is another file

	// The decrypted bytes come back.
	fil := h.get(t, nav, sti+"/"+m[1].FilID)
	if fil.er(t, 200) != "b æøå.pdf" || fil.Header().Get("Content-Type") != "application/octet-stream" {
		t.Error(fil.Header())
	}
	h.get(t, nav, "/digisos/api/v1/mellomlagring/annen/"+m[1].FilID).er(t, 404)
	h.get(t, nav, sti+"/"+ukjentID).er(t, 404)
	h.get(t, nav, sti+"/tull").er(t, 400)

	slett := func(p string) svar { return h.gjor(t, nav, "DELETE", p, "", nil) }
	slett("/digisos/api/v1/mellomlagring/annen/"+m[0].FilID).er(t, 204) // not there: nothing happens
	h.get(t, nav, sti+"/"+m[0].FilID).er(t, 200)
	slett(sti+"/"+m[0].FilID).er(t, 204)
	slett(sti+"/"+m[0].FilID).er(t, 204)
	h.get(t, nav, sti+"/"+m[0].FilID).er(t, 404)
	h.mellomlagre(t, "ref_1-A", "a.pdf") // the name is free again
	if got := slett(sti).er(t, 204); got != "" {
		t.Error(got)
	}
	slett(sti).er(t, 204)
	h.get(t, nav, sti).er(t, 404)
	if n := h.antall(t, "blobs"); n != 1 {
		t.Errorf("%d blobs, want that of «annen»", n)
	}

	h.send(t, nav, sti).er(t, 400)
	h.gjor(t, nav, "POST", sti, "application/json", []byte("{}")).er(t, 400) // 415 is for the send endpoints
	h.gjor(t, nav, "POST", "/digisos/api/v1/mellomlagring/a.b", "application/json", nil).er(t, 400)
	h.send(t, nav, sti, jsonDel("metadata", metadataJSON("a.pdf", 1))).er(t, 400)
}

// What is never sent in is deleted after its time, and holds no name from then on.
func TestMellomlagringUtloper(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.mellomlagre(t, "gammel", "a.pdf")
	h.Frem(t, 29*24*time.Hour)
	h.mellomlagre(t, "ny", "a.pdf")
	h.get(t, nav, "/digisos/api/v1/mellomlagring/gammel").er(t, 200)
	h.Klokke.Sett(h.Klokke.Now().Add(25 * time.Hour)) // past its time, before any job has run
	h.get(t, nav, "/digisos/api/v1/mellomlagring/gammel").er(t, 404)
	h.mellomlagre(t, "gammel", "a.pdf")
	h.Frem(t, 29*24*time.Hour+time.Hour)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/ny").er(t, 404)
	h.get(t, nav, "/digisos/api/v1/mellomlagring/gammel").er(t, 200)
	h.Frem(t, 24*time.Hour)
	for hva, want := range map[string]int{"digisos_mellomlagret": 0, "blobs": 0} {
		if n := h.antall(t, hva); n != want {
			t.Errorf("%d rows in %s", n, hva)
		}
	}
}

// What has become part of a søknad does not expire with its mellomlagring.
func TestBruktMellomlagringUtloperIkke(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	m := h.mellomlagre(t, "110000001", "a.pdf")
	id := h.nySoknad(t, kari, "110000001")
	h.Frem(t, 60*24*time.Hour)
	if got := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+m[0].FilID).er(t, 200); got != "a.pdf" {
		t.Error(got)
	}
}

// A case is deleted 24 months after its last change, and leaves a tombstone.
func TestSletting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	fil := h.lastOpp(t, id, "a.pdf")[0]
	h.oppdater(t, id, sokerJSON(fil.DokumentlagerDokumentID)).er(t, 202)
	dok := h.sak(t, kari, id).OriginalSoknadNAV.Metadata
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	h.Frem(t, 365*24*time.Hour)
	h.ettersend(t, kari, id, "1100000010001", "a.pdf").er(t, 202) // lives on
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	h.Frem(t, 729*24*time.Hour)
	h.sak(t, kari, id)
	h.Frem(t, 25*time.Hour)

	sti := "/digisos/api/v1/soknader/" + id
	nv := "/digisos/api/v1/nav/soknader/" + id
	fag := "/digisos/api/v1/" + orgOslo + "/" + id
	for _, s := range []svar{
		h.get(t, innbygger(kari), sti), h.get(t, innbygger(kari), sti+"/dokumenter/"+dok),
		h.get(t, nav, nv+"?sporingsId=1"), h.get(t, nav, nv+"/dokumenter/"+dok+"?sporingsId=1"),
		h.oppdater(t, id, sokerJSON("")), h.gjor(t, fagOslo, "DELETE", fag, "", nil),
		h.get(t, fagOslo, fag+"/filer"), h.send(t, fagOslo, fag+"/filer", par(t, 0, "a", "a")...),
		h.gjor(t, fagOslo, "DELETE", fag+"/filer?filIder="+ukjentID, "", nil),
		h.ettersend(t, kari, id, "1100000010002", "a.pdf"),
		h.post(t, innbygger(kari), "/digisos/api/v1/soknader/dokumenter", `{"dokumenter":[{"digisosId":"`+id+`","dokumentlagerId":"`+dok+`"}]}`),
	} {
		s.er(t, 410)
	}
	h.get(t, fagBerg, strings.Replace(fag, orgOslo, orgBergen, 1)+"/filer").er(t, 403)
	if got := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/soknader").er(t, 200); got != "[]" {
		t.Error(got)
	}
	// The reference stays taken, and NAV still learns that it was delivered.
	h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/110000001", soknadDeler(t, kari)...).er(t, 400)
	st, err := h.s.NavStatus(t.Context(), []string{id}, "1")
	must(t, err)
	if len(st) != 1 || !st[0].LevertFagsystem {
		t.Errorf("%+v", st)
	}
	if n := h.antall(t, "blobs"); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	if n := h.antall(t, "digisos_sak WHERE soker IS NOT NULL OR soker_hash <> ''"); n != 0 {
		t.Error("the tombstone tells of a person")
	}
}

// What is not delivered is not deleted: it gets another day, and a line in its history.
func TestSlettesIkkeForLevert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, Config{Sakslevetid: 48 * time.Hour})
	h.fiksIO.feil, h.svarUt.feil = levering.ErrIkkeMulig, levering.ErrIkkeMulig
	id := h.nySoknad(t, kari, "110000001")
	h.Frem(t, 73*time.Hour)
	if got := h.tilstander(t, id); got != "AKSEPTERT_FIKS DIGISOS_SLETTET_FEILET DIGISOS_SLETTET_FEILET" {
		t.Error(got)
	}
	h.sak(t, kari, id)
	must(t, h.lev.Stopp(t.Context(), id, "Kari Drift", "levert for hånd"))
	h.Frem(t, 24*time.Hour)
	h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id).er(t, 410)
}
