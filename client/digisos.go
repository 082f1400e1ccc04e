package client

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"knutepunkt/cms"
)

// Fil is a file to upload.
type Fil struct {
	Navn, Mimetype string
	Storrelse      int64 // bytes of plaintext
	Apne           func() (io.ReadCloser, error)
}

// Soknad is a søknad with the files that go with it.
type Soknad struct {
	SoknadJSON, VedleggJSON []byte
	Enhetsnummer            string // NAV office; "" when unknown
	Filer                   []Fil  // the main document first
}

// DokumentInfo is a stored file as the Digisos APIs show it.
type DokumentInfo struct {
	Filnavn                 string `json:"filnavn"`
	DokumentlagerDokumentID string `json:"dokumentlagerDokumentId"`
	Storrelse               int64  `json:"storrelse"`
}

// DigisosSak is a case as citizen and NAV see it; times in ms since the epoch.
type DigisosSak struct {
	FiksDigisosID     string `json:"fiksDigisosId"`
	SokerFnr          string `json:"sokerFnr"`
	FiksOrgID         string `json:"fiksOrgId"`
	Kommunenummer     string `json:"kommunenummer"`
	SistEndret        int64  `json:"sistEndret"`
	OriginalSoknadNAV *struct {
		NavEksternRefID string         `json:"navEksternRefId"`
		Metadata        string         `json:"metadata"`
		VedleggMetadata string         `json:"vedleggMetadata"`
		SoknadDokument  DokumentInfo   `json:"soknadDokument"`
		Vedlegg         []DokumentInfo `json:"vedlegg"`
		TimestampSendt  int64          `json:"timestampSendt"`
	} `json:"originalSoknadNAV"`
	EttersendtInfoNAV *struct {
		Ettersendelser []struct {
			NavEksternRefID string         `json:"navEksternRefId"`
			VedleggMetadata string         `json:"vedleggMetadata"`
			Vedlegg         []DokumentInfo `json:"vedlegg"`
			TimestampSendt  int64          `json:"timestampSendt"`
		} `json:"ettersendelser"`
	} `json:"ettersendtInfoNAV"`
	DigisosSoker *struct {
		Metadata               string         `json:"metadata"`
		Dokumenter             []DokumentInfo `json:"dokumenter"`
		TimestampSistOppdatert int64          `json:"timestampSistOppdatert"`
	} `json:"digisosSoker"`
	Tilleggsinformasjon *struct {
		Enhetsnummer *string `json:"enhetsnummer"`
	} `json:"tilleggsinformasjon"`
}

// KommuneInfo is what NAV knows of a municipality.
type KommuneInfo struct {
	Kommunenummer                       string  `json:"kommunenummer"`
	KanMottaSoknader                    bool    `json:"kanMottaSoknader"`
	KanOppdatereStatus                  bool    `json:"kanOppdatereStatus"`
	HarMidlertidigDeaktivertMottak      bool    `json:"harMidlertidigDeaktivertMottak"`
	HarMidlertidigDeaktivertOppdatering bool    `json:"harMidlertidigDeaktivertOppdateringer"`
	HarNksTilgang                       bool    `json:"harNksTilgang"`
	Behandlingsansvarlig                *string `json:"behandlingsansvarlig"`
}

// PublicKey fetches the certificate that files are encrypted to.
func (c *Client) PublicKey(ctx context.Context) (*x509.Certificate, error) {
	resp, err := c.do(ctx, http.MethodGet, "/digisos/api/v1/dokumentlager-public-key", "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("client: reading the public key: %w", err)
	}
	cert, err := x509.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("client: the public key is not a certificate: %w", err)
	}
	return cert, nil
}

// SendSoknad submits a søknad (v2) for the citizen whose token the client has
// (SomPerson), its files encrypted to cert, and gives the DigisosId. Files that
// were uploaded with Mellomlagre under the same navEksternRefID go with it.
func (c *Client) SendSoknad(ctx context.Context, cert *x509.Certificate, kommunenummer, navEksternRefID string, s Soknad) (string, error) {
	tillegg := map[string]string{}
	if s.Enhetsnummer != "" {
		tillegg["enhetsnummer"] = s.Enhetsnummer
	}
	tilleggJSON, err := json.Marshal(tillegg)
	if err != nil {
		return "", fmt.Errorf("client: %w", err)
	}
	resp, err := c.upload(ctx, "/digisos/api/v2/soknader/"+url.PathEscape(kommunenummer)+"/"+url.PathEscape(navEksternRefID), func(w *multipart.Writer) error {
		for _, del := range []struct {
			navn string
			data []byte
		}{{"tilleggsinformasjonJson", tilleggJSON}, {"soknadJson", s.SoknadJSON}, {"vedleggJson", s.VedleggJSON}} {
			if err := jsonDel(w, del.navn, "application/json", del.data); err != nil {
				return err
			}
		}
		return filer(w, cert, s.Filer)
	})
	if err != nil {
		return "", err
	}
	var id string
	return id, decode(resp, &id)
}

// Ettersend submits more files (v1) to a case.
func (c *Client) Ettersend(ctx context.Context, cert *x509.Certificate, kommunenummer, digisosID, navEksternRefID string, vedleggJSON []byte, f ...Fil) error {
	path := "/digisos/api/v1/soknader/" + url.PathEscape(kommunenummer) + "/" + url.PathEscape(digisosID) + "/" + url.PathEscape(navEksternRefID)
	resp, err := c.upload(ctx, path, func(w *multipart.Writer) error {
		if err := jsonDel(w, "vedlegg.json", "application/json", vedleggJSON); err != nil {
			return err
		}
		return filer(w, cert, f)
	})
	if err != nil {
		return err
	}
	return decode(resp, nil)
}

// Mellomlagre uploads files ahead of the søknad or ettersendelse with that reference.
func (c *Client) Mellomlagre(ctx context.Context, cert *x509.Certificate, navEksternRefID string, f ...Fil) error {
	resp, err := c.upload(ctx, "/digisos/api/v1/mellomlagring/"+url.PathEscape(navEksternRefID), func(w *multipart.Writer) error {
		return filer(w, cert, f)
	})
	if err != nil {
		return err
	}
	return decode(resp, nil)
}

// Soknader lists the citizen's cases.
func (c *Client) Soknader(ctx context.Context) ([]DigisosSak, error) {
	var ut []DigisosSak
	return ut, c.json(ctx, http.MethodGet, "/digisos/api/v1/soknader/soknader", nil, &ut)
}

// Soknad reads one of the citizen's cases.
func (c *Client) Soknad(ctx context.Context, digisosID string) (DigisosSak, error) {
	var ut DigisosSak
	return ut, c.json(ctx, http.MethodGet, "/digisos/api/v1/soknader/"+url.PathEscape(digisosID), nil, &ut)
}

// Dokument opens a document of one of the citizen's cases.
func (c *Client) Dokument(ctx context.Context, digisosID, dokumentID string) (io.ReadCloser, error) {
	return c.apne(ctx, "/digisos/api/v1/soknader/"+url.PathEscape(digisosID)+"/dokumenter/"+url.PathEscape(dokumentID))
}

func (c *Client) apne(ctx context.Context, path string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Kommuner lists the municipalities that have set up Digisos; for NAV.
func (c *Client) Kommuner(ctx context.Context) ([]KommuneInfo, error) {
	var ut []KommuneInfo
	return ut, c.json(ctx, http.MethodGet, "/digisos/api/v1/nav/kommuner", nil, &ut)
}

// NAVSoknad reads a case for NAV's staff; sporingsID goes to the audit log.
func (c *Client) NAVSoknad(ctx context.Context, digisosID, sporingsID string) (DigisosSak, error) {
	var ut DigisosSak
	return ut, c.json(ctx, http.MethodGet, "/digisos/api/v1/nav/soknader/"+url.PathEscape(digisosID)+"?sporingsId="+url.QueryEscape(sporingsID), nil, &ut)
}

// NAVDokument opens one of a case's JSON documents for NAV's staff.
func (c *Client) NAVDokument(ctx context.Context, digisosID, dokumentID, sporingsID string) (io.ReadCloser, error) {
	return c.apne(ctx, "/digisos/api/v1/nav/soknader/"+url.PathEscape(digisosID)+"/dokumenter/"+url.PathEscape(dokumentID)+"?sporingsId="+url.QueryEscape(sporingsID))
}

// LevertFagsystem asks which søknader have reached their case system; ids that
// the platform does not know are left out.
func (c *Client) LevertFagsystem(ctx context.Context, sporingsID string, digisosID ...string) (map[string]bool, error) {
	var svar struct {
		StatusListe []struct {
			DigisosID       string `json:"digisosId"`
			LevertFagsystem bool   `json:"levertFagsystem"`
		} `json:"statusListe"`
	}
	in := map[string][]string{"digisosIdListe": digisosID}
	if err := c.json(ctx, http.MethodPost, "/digisos/api/v1/nav/soknader/status?sporingsId="+url.QueryEscape(sporingsID), in, &svar); err != nil {
		return nil, err
	}
	ut := make(map[string]bool, len(svar.StatusListe))
	for _, s := range svar.StatusListe {
		ut[s.DigisosID] = s.LevertFagsystem
	}
	return ut, nil
}

// LastOpp uploads a fagsystem's files to a case, encrypted to cert.
func (c *Client) LastOpp(ctx context.Context, cert *x509.Certificate, fiksOrgID, digisosID string, f ...Fil) ([]DokumentInfo, error) {
	resp, err := c.upload(ctx, "/digisos/api/v1/"+url.PathEscape(fiksOrgID)+"/"+url.PathEscape(digisosID)+"/filer", func(w *multipart.Writer) error {
		return filer(w, cert, f)
	})
	if err != nil {
		return nil, err
	}
	var ut []DokumentInfo
	return ut, decode(resp, &ut)
}

// OppdaterSak replaces a case's digisos-soker.json.
func (c *Client) OppdaterSak(ctx context.Context, fiksOrgID, digisosID string, soker json.RawMessage) error {
	in := map[string]any{"type": "no.nav.digisos.digisos.soker.v1", "sak": map[string]any{"soker": soker}}
	return c.json(ctx, http.MethodPost, "/digisos/api/v1/"+url.PathEscape(fiksOrgID)+"/"+url.PathEscape(digisosID), in, nil)
}

// NySak makes a case for an application that came on paper, and gives its DigisosId.
func (c *Client) NySak(ctx context.Context, fiksOrgID, sokerFnr string) (string, error) {
	var id string
	return id, c.json(ctx, http.MethodPost, "/digisos/api/v1/"+url.PathEscape(fiksOrgID)+"/ny?sokerFnr="+url.QueryEscape(sokerFnr), nil, &id)
}

// upload streams a multipart request that skriv writes; nothing is kept in memory.
func (c *Client) upload(ctx context.Context, path string, skriv func(*multipart.Writer) error) (*http.Response, error) {
	pr, pw := io.Pipe()
	w := multipart.NewWriter(pw)
	ferdig := make(chan struct{})
	go func() {
		defer close(ferdig)
		err := skriv(w)
		if err == nil {
			err = w.Close()
		}
		pw.CloseWithError(err)
	}()
	resp, err := c.do(ctx, http.MethodPost, path, w.FormDataContentType(), pr)
	pr.CloseWithError(context.Canceled) // the server may answer before it has read all
	<-ferdig
	return resp, err
}

func jsonDel(w *multipart.Writer, navn, contentType string, data []byte) error {
	del, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="` + navn + `"`}, "Content-Type": {contentType},
	})
	if err != nil {
		return err
	}
	_, err = del.Write(data)
	return err
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// filer writes each file as a metadata part and an encrypted file part.
func filer(w *multipart.Writer, cert *x509.Certificate, filer []Fil) error {
	for i, f := range filer {
		meta, err := json.Marshal(map[string]any{"filnavn": f.Navn, "mimetype": f.Mimetype, "storrelse": f.Storrelse})
		if err != nil {
			return err
		}
		if err := jsonDel(w, "metadata:"+strconv.Itoa(i), "application/json", meta); err != nil {
			return err
		}
		del, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="dokument:` + strconv.Itoa(i) + `"; filename="` + escaper.Replace(f.Navn) + `"`},
			"Content-Type":        {"application/octet-stream"},
		})
		if err != nil {
			return err
		}
		if err := krypter(del, cert, f); err != nil {
			return err
		}
	}
	return nil
}

func krypter(w io.Writer, cert *x509.Certificate, f Fil) error {
	r, err := f.Apne()
	if err != nil {
		return fmt.Errorf("client: opening a file to send: %w", err)
	}
	defer r.Close()
	k, err := cms.NewWriter(w, cert)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if _, err := io.Copy(k, r); err != nil {
		return fmt.Errorf("client: encrypting a file: %w", err)
	}
	return k.Close()
}
