package altinn

import (
	"archive/zip"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // the checksum that Altinn's API asks for; it protects nothing
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"knutepunkt/internal/levering"
)

// Altinn's limits, in UTF-16 code units where it counts characters.
const (
	maksVedlegg  = 100
	maksTittel   = 255
	maksAvsender = 255
	maksEmne     = 128
	maksSMS      = 160
	maksFilnavn  = 255
)

// filtyper are the extensions that Altinn takes as attachments.
var filtyper = []string{".doc", ".xls", ".docx", ".xlsx", ".ppt", ".pps", ".zip", ".pdf", ".html", ".txt", ".xml", ".jpg", ".gif",
	".bmp", ".png", ".json"}

// vedlegg is one attachment as it will be sent. skriv writes the same bytes each time.
type vedlegg struct {
	navn  string
	skriv func(ctx context.Context, w io.Writer) error
}

// somVedlegg makes attachments of files, in their order. Those that Altinn does not
// take one by one (of a kind it does not know, empty, or beyond the hundredth) go
// together in a zip at the end: nothing is left out.
func somVedlegg(filer []levering.Fil) []vedlegg {
	var alene, sammen []levering.Fil
	for _, f := range filer {
		tom := f.Storrelse == 0 && f.SHA256 != ""
		if slices.Contains(filtyper, strings.ToLower(path.Ext(f.Navn))) && lengde(f.Navn) <= maksFilnavn && !tom {
			alene = append(alene, f)
		} else {
			sammen = append(sammen, f)
		}
	}
	if plass := maksVedlegg - min(1, len(sammen)); len(alene) > plass {
		sammen = append(sammen, alene[maksVedlegg-1:]...)
		alene = alene[:maksVedlegg-1]
	}
	var ut []vedlegg
	for _, f := range alene {
		ut = append(ut, vedlegg{f.Navn, func(ctx context.Context, w io.Writer) error { return kopier(ctx, w, f) }})
	}
	if len(sammen) > 0 {
		ut = append(ut, vedlegg{ledigNavn(alene), func(ctx context.Context, w io.Writer) error { return pakk(ctx, w, sammen) }})
	}
	return ut
}

func kopier(ctx context.Context, w io.Writer, f levering.Fil) error {
	r, err := f.Apne(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

func pakk(ctx context.Context, w io.Writer, filer []levering.Fil) error {
	z := zip.NewWriter(w)
	for _, f := range filer {
		h := &zip.FileHeader{Name: f.Navn, Method: zip.Deflate} // no time: the same bytes each time
		h.SetMode(0o644)                                        // as made on Unix: else Info-ZIP's unzip garbles the name
		ut, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if err := kopier(ctx, ut, f); err != nil {
			return err
		}
	}
	return z.Close()
}

func ledigNavn(filer []levering.Fil) string {
	for i := 1; ; i++ {
		navn := "vedlegg.zip"
		if i > 1 {
			navn = fmt.Sprintf("vedlegg-%d.zip", i)
		}
		if !slices.ContainsFunc(filer, func(f levering.Fil) bool { return strings.EqualFold(f.Navn, navn) }) {
			return navn
		}
	}
}

// mal goes through the content for what Altinn wants to know beforehand.
func (v vedlegg) mal(ctx context.Context) (md5hex string, n int64, err error) {
	h := md5.New() //nolint:gosec // see the import
	t := &teller{w: h}
	if err := v.skriv(ctx, t); err != nil {
		return "", 0, fmt.Errorf("altinn: reading an attachment: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), t.n, nil
}

type teller struct {
	w io.Writer
	n int64
}

func (t *teller) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.n += int64(n)
	return n, err
}

// les gives the content as a stream; closing it ends the writing.
func (v vedlegg) les(ctx context.Context) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(v.skriv(ctx, w)) }()
	return r
}

// melding is the correspondence for f, with attachments that are uploaded. With
// noytral no text of the sender's is in it: for one that Altinn does not take.
func (k *Kanal) melding(l levering.Levering, f levering.Forsendelse, ids []string, noytral bool) meldingInn {
	ressurs, konfidensiell := k.ressurs(f.Post)
	mottaker := "urn:altinn:organization:identifier-no:" + f.Post.Mottaker.Orgnr
	if f.Post.Mottaker.Orgnr == "" {
		mottaker = "urn:altinn:person:identifier-no:" + f.Post.Mottaker.Fnr
	}
	if ids == nil {
		ids = []string{}
	}
	m := meldingInn{
		Correspondence: korrespondanse{ResourceID: ressurs, SendersReference: l.KildeID, IsConfidential: konfidensiell},
		Recipients:     []string{mottaker}, ExistingAttachments: ids, IdempotentKey: l.LeveranseID,
	}
	c := &m.Correspondence
	c.Content = innhold{Language: "nb", MessageTitle: ren(f.Post.Tittel, maksTittel), MessageSummary: "Du har fått et brev.", Attachments: []struct{}{}}
	fra := ren(f.Post.Avsender.Navn, maksAvsender)
	if noytral || fra == "" {
		fra = ren(k.cfg.MessageSender, maksAvsender)
	}
	c.MessageSender = fra
	if noytral || c.Content.MessageTitle == "" {
		c.Content.MessageTitle = "Brev"
	}
	c.Content.MessageBody = k.tekst(l, f.Post, fra, noytral)
	c.Notification = varsling(fra, noytral)
	return m
}

// ressurs is the service that a letter goes by.
func (k *Kanal) ressurs(p levering.Post) (id string, konfidensiell bool) {
	if p.Mottaker.Orgnr != "" && (p.Taushetsbelagt || p.Niva >= 4) {
		return k.cfg.ResourceIDKonfidensiell, true
	}
	return k.cfg.ResourceID, false
}

func fraHvem(fra string) string {
	if fra == "" {
		return ""
	}
	return " fra " + fra
}

// tekst is the message's body, in markdown.
func (k *Kanal) tekst(l levering.Levering, p levering.Post, fra string, noytral bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Du har fått et brev%s.\n\n", fraHvem(fra))
	if k.cfg.Lenke {
		fmt.Fprintf(&b, "[Åpne brevet](%s/forsendelse/%s)\n", k.cfg.BaseURL, url.PathEscape(l.KildeID))
	} else {
		b.WriteString("Brevet ligger som vedlegg.\n")
	}
	if noytral {
		return b.String()
	}
	for _, lenke := range p.Lenker {
		u, err := url.Parse(lenke.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			continue
		}
		adresse := strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "*", "%2A", "_", "%5F").Replace(u.String())
		tekst := cmp.Or(ren(lenke.Tekst, 500), "Lenke")
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(fmt.Sprintf("%s [%s](%s)", ren(lenke.Ledetekst, 500), tekst, adresse)))
	}
	return b.String()
}

// varsling is what the receiver gets by e-mail or text message: never what the
// letter is about.
func varsling(fra string, noytral bool) varsel {
	if noytral {
		return varsel{NotificationTemplate: "GenericAltinnMessage", NotificationChannel: "EmailPreferred"}
	}
	v := varsel{NotificationTemplate: "CustomMessage", NotificationChannel: "EmailPreferred",
		EmailSubject: "Du har fått brev" + fraHvem(fra),
		EmailBody:    fmt.Sprintf("Du har fått brev%s. Logg inn i Altinn for å lese det.", fraHvem(fra)),
		SMSBody:      fmt.Sprintf("Du har fått brev%s. Logg inn i Altinn for å lese det.", fraHvem(fra))}
	if lengde(v.EmailSubject) > maksEmne {
		v.EmailSubject = "Du har fått brev"
	}
	if lengde(v.SMSBody) > maksSMS {
		v.SMSBody = "Du har fått brev. Logg inn i Altinn for å lese det."
	}
	return v
}

// listemerke is what makes a line a list, heading or quotation in markdown.
var listemerke = regexp.MustCompile(`^([-+=:.\s]|\d+[.)]\s)+`)

// ren makes plain text of s: one line without what markdown or HTML would read as
// formatting, at most maks long.
func ren(s string, maks int) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>*_`~^[]{}|\\#$\"", r) || unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.NewReplacer("&", " og ", "++", "+", "--", "-", "==", "=", "::", ":").Replace(s)
	s = listemerke.ReplaceAllString(strings.Join(strings.Fields(s), " "), "")
	if lengde(s) <= maks {
		return s
	}
	n := 0
	for i, r := range s {
		if n += lengde(string(r)); n > maks-1 {
			return strings.TrimSpace(s[:i]) + "…"
		}
	}
	return s
}

// lengde counts as Altinn does: UTF-16 code units.
func lengde(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
