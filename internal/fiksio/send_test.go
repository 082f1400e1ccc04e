package fiksio

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/store"
)

// mønster gives n bytes that differ along the way.
func monster(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>8)
	}
	return b
}

func TestNyttelastAvAlleStorrelser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	for _, n := range []int{0, 1, maksIRad, maksIRad + 1, maksIMinne, maksIMinne + 1, MaxInline, MaxInline + 1, MaxInline + 1<<20} {
		inn := monster(n)
		m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, inn)
		if m.HarNyttelast != (n > 0) || (m.DokumentlagerID != "") != (n > MaxInline) {
			t.Errorf("%d bytes: payload %v, dokumentlager %q", n, m.HarNyttelast, m.DokumentlagerID)
		}
		lagret := h.ko(t, til)
		siste := lagret[len(lagret)-1]
		a := amqpMelding(Ko(til.ID), siste)
		switch {
		case n == 0:
			if a.Size != 0 {
				t.Errorf("size %d without payload", a.Size)
			}
			continue
		case n > MaxInline:
			if a.Size != 0 || a.Headers[len(a.Headers)-1] != (amqp.Header{Name: "dokumentlager-id", Value: m.DokumentlagerID}) {
				t.Errorf("%d bytes: size %d, headers %v", n, a.Size, a.Headers)
			}
		default:
			r, err := h.Broker(innlogging{}).Open(t.Context(), amqp.Ref{Queue: Ko(til.ID), Seq: m.Seq})
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(r, inn); n <= maksIRad && err != nil {
				t.Error(err)
			}
			r.Close()
			if a.Size != int64(n) || (a.Body != nil) != (n <= amqp.InlineBody) {
				t.Errorf("%d bytes: size %d, body at hand %v", n, a.Size, a.Body != nil)
			}
		}
		if !bytes.Equal(h.les(t, siste), inn) {
			t.Errorf("%d bytes came back otherwise", n)
		}
	}
}

func TestStorNyttelastLeverTTLPlussEttDognForMottakerenAlene(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	m := h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour}, monster(MaxInline+1))
	d, err := h.Dokumentlager.Metadata(t.Context(), m.DokumentlagerID)
	if err != nil {
		t.Fatal(err)
	}
	if want := m.Opprettet.Add(25 * time.Hour); !d.TilgjengeligTil.Equal(want) || d.KontoID != til.DokumentlagerKontoID {
		t.Errorf("available until %v (want %v) in konto %s", d.TilgjengeligTil, want, d.KontoID)
	}
	if len(d.EksponertFor) != 1 || d.EksponertFor[0].Type != "AUTORISASJON" || d.EksponertFor[0].Privilegium != auth.FiksIOKonto || d.EksponertFor[0].Ressurs != til.ID {
		t.Errorf("exposed to %+v", d.EksponertFor)
	}
	// The message is consumed; the payload stays until its time.
	h.skriv(t, func(tx *store.Tx) error { return h.fjern(t.Context(), tx, []int64{m.id}) })
	if !bytes.Equal(h.les(t, m), monster(MaxInline+1)) {
		t.Error("payload changed")
	}
	h.Frem(t, 25*time.Hour)
	if _, err := h.Apne(t.Context(), m); !feil.Er(err, feil.Slettet) {
		t.Errorf("after ttl + 24 h: %v", err)
	}
}

func TestForkastEtterlaterIngenting(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, n := range []int{1, maksIMinne, maksIMinne + 1, MaxInline, MaxInline + 1} {
		p, err := h.Motta(t.Context(), bytes.NewReader(monster(n)))
		if err != nil || p.Size() != int64(n) {
			t.Fatal(n, p.Size(), err)
		}
		p.Forkast()
		p.Forkast()
	}
	if _, err := h.Motta(t.Context(), io.MultiReader(bytes.NewReader(monster(MaxInline)), iotest.ErrReader(io.ErrUnexpectedEOF))); err == nil {
		t.Error("a cut payload was taken")
	}
	h.Grunn.Blobs.Wait()
	_ = filepath.WalkDir(filepath.Join(h.Dir, "blobs"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left over: %s", d.Name())
		}
		return nil
	})
}

func TestMottaHolderMinnetBegrenset(t *testing.T) {
	h := nyttHus(t)
	maler := &maler{igjen: 200 << 20, fore: minneBruk()}
	p, err := h.Motta(t.Context(), maler)
	if err != nil || p.Size() != 200<<20 {
		t.Fatal(p.Size(), err)
	}
	p.Forkast()
	if maler.vekst > 16<<20 {
		t.Errorf("memory grew by %d MiB on the way", maler.vekst>>20)
	}
}

// maler yields zeros and looks at the memory in use every 32 MiB.
type maler struct{ igjen, lest, fore, vekst int64 }

func (m *maler) Read(p []byte) (int, error) {
	if m.igjen == 0 {
		return 0, io.EOF
	}
	if m.lest>>25 != (m.lest+int64(len(p)))>>25 {
		m.vekst = max(m.vekst, minneBruk()-m.fore)
	}
	n := min(int64(len(p)), m.igjen)
	clear(p[:n])
	m.igjen -= n
	m.lest += n
	return int(n), nil
}

func TestEgenIDSendesEnGang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	u := Utgaaende{MeldingID: uuid.NewString(), AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, TTL: time.Hour, VentetSvar: "svar.v1"}
	a := h.send(t, u, []byte("x"))
	b := h.send(t, u, []byte("x"))
	if len(h.ko(t, til)) != 1 || !b.Utloper.Equal(a.Utloper) {
		t.Errorf("%d messages; expires %v and %v", len(h.ko(t, til)), a.Utloper, b.Utloper)
	}
	h.skriv(t, func(tx *store.Tx) error { return h.fjern(t.Context(), tx, []int64{a.id}) })
	h.send(t, u, nil)
	if n := len(h.ko(t, til)); n != 0 {
		t.Error("sent again after it was consumed")
	}
	if e, err := h.egen(t.Context(), h.Service.DB.Read(), u.MeldingID); err != nil || e.ventetSvar != "svar.v1" || e.mottaker != til.ID {
		t.Error(e, err)
	}
}

func TestSendAvviser(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t), h.konto(t)
	stengt := h.konto(t, func(k *Konto) { k.Aktiv = false })
	kresen := h.konto(t, func(k *Konto) { k.KunAksepterte = true })
	ukjent := uuid.NewString()
	for _, test := range []struct {
		navn string
		u    Utgaaende
		want string
	}{
		{"ukjent avsender", Utgaaende{AvsenderKontoID: ukjent, MottakerKontoID: til.ID, Type: "a"}, "Avsenderkontoen " + ukjent + " finnes ikke"},
		{"ukjent mottaker", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: ukjent, Type: "a"}, "Mottakerkontoen " + ukjent + " finnes ikke"},
		{"inaktiv avsender", Utgaaende{AvsenderKontoID: stengt.ID, MottakerKontoID: til.ID, Type: "a"}, "Avsenderkontoen " + stengt.ID + " er ikke aktiv"},
		{"inaktiv mottaker", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: stengt.ID, Type: "a"}, "Mottakerkontoen " + stengt.ID + " er ikke aktiv"},
		{"ikke akseptert", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: kresen.ID, Type: "a"},
			"Mottakerkontoen " + kresen.ID + " godtar ikke meldinger fra avsenderkontoen " + fra.ID},
		{"uten type", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID}, "meldingType må være 1 til 255 byte tekst uten mellomrom"},
		{"kort ttl", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "a", TTL: 999 * time.Millisecond},
			"ttl må være minst 1000 og høyst 316224000000 millisekunder"},
		{"svar på tull", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "a", SvarPaMelding: "x"}, "svarPaMelding må være en UUID"},
		{"header uten navn", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "a", Headere: map[string]string{"": "x"}},
			"Navnet på en header i headere må være 1 til 235 byte uten kontrolltegn"},
		{"for store headere", Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "a", Headere: map[string]string{"a": strings.Repeat("x", maksHeadere)}},
			"headere er på 32769 byte til sammen: høyst 32768 er tillatt"},
	} {
		t.Run(test.navn, func(t *testing.T) {
			for hva, err := range map[string]error{
				"Sjekk": h.Sjekk(t.Context(), test.u),
				"Send": h.Service.DB.Write(t.Context(), func(tx *store.Tx) error {
					_, err := h.Send(t.Context(), tx, test.u, nil)
					return err
				}),
			} {
				var f *feil.Feil
				if !feil.Er(err, feil.Ugyldig) {
					t.Fatalf("%s: %v", hva, err)
				}
				f = err.(*feil.Feil)
				if f.Melding != test.want {
					t.Errorf("%s: %q", hva, f.Melding)
				}
			}
		})
	}
	if n := len(h.ko(t, til)) + len(h.ko(t, kresen)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	if err := h.LeggTilAvsender(t.Context(), kresen.ID, fra.ID, ""); err != nil {
		t.Fatal(err)
	}
	h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: kresen.ID}, nil)
	h.send(t, Utgaaende{AvsenderKontoID: kresen.ID, MottakerKontoID: kresen.ID}, nil)
}

// TestIngentingLesbartILageret looks for what the caller sent in every file.
func TestIngentingLesbartILageret(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	fra, til := h.konto(t, func(k *Konto) { k.OpprettetAv = "01410112345" }), h.konto(t)
	const hemmelig = "HEMMELIG-INNHOLD-"
	for _, n := range []int{20, maksIRad * 2, maksIMinne * 2, MaxInline + 100} {
		h.send(t, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Headere: map[string]string{"klientKorrelasjonsId": "HEMMELIG-HEADER"}},
			bytes.Repeat([]byte(hemmelig), n/len(hemmelig)+1))
	}
	h.Grunn.Blobs.Wait()
	filer := 0
	err := filepath.WalkDir(h.Dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		filer++
		for _, s := range []string{hemmelig, "HEMMELIG-HEADER", "01410112345"} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds %s", filepath.Base(p), s)
			}
		}
		return nil
	})
	if err != nil || filer < 2 {
		t.Fatal(filer, err)
	}
}

func TestInnholdRundtur(t *testing.T) {
	t.Parallel()
	want := Melding{Utgaaende: Utgaaende{SvarPaMelding: "svar", TTL: 5 * time.Second, Headere: map[string]string{"a": "", "ø": strings.Repeat("å", 300)}},
		AvsenderNavn: "Bergen", SvarTilType: "type", HarNyttelast: true, kropp: []byte("kropp")}
	var got Melding
	if err := dekodInnhold(kodInnhold(want), &got); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Headere, want.Headere) || string(got.kropp) != "kropp" || got.TTL != want.TTL || got.SvarPaMelding != "svar" ||
		got.AvsenderNavn != "Bergen" || got.SvarTilType != "type" || !got.HarNyttelast {
		t.Errorf("%+v", got)
	}
}

func FuzzDekodInnhold(f *testing.F) {
	f.Add(kodInnhold(Melding{}))
	f.Add(kodInnhold(Melding{Utgaaende: Utgaaende{TTL: time.Second, Headere: map[string]string{"a": "b"}}, HarNyttelast: true, kropp: []byte("x")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, igjen Melding
		if dekodInnhold(b, &m) != nil {
			return
		}
		if err := dekodInnhold(kodInnhold(m), &igjen); err != nil || !maps.Equal(m.Headere, igjen.Headere) || !bytes.Equal(m.kropp, igjen.kropp) {
			t.Errorf("%+v became %+v, %v", m, igjen, err)
		}
	})
}

func TestForIDer(t *testing.T) {
	t.Parallel()
	for _, ids := range [][]int64{nil, {1}, {1, 2, 3, 4, 5, 6, 7, 8}, {1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20}} {
		got := []int64{}
		sett := map[int64]bool{}
		if err := forIDer(ids, func(where string, args []any) error {
			if strings.Contains(where, "BETWEEN") {
				for i := args[0].(int64); i <= args[1].(int64); i++ {
					sett[i] = true
				}
				return nil
			}
			for _, a := range args {
				sett[a.(int64)] = true
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range int64(100) {
			if sett[i] {
				got = append(got, i)
			}
		}
		if diff := cmp.Diff(append([]int64{}, ids...), got); diff != "" {
			t.Error(diff)
		}
	}
}

// Whatever headers Validate lets through fit in a frame: what is accepted can
// be delivered.
func TestFlestHeadere(t *testing.T) {
	t.Parallel()
	for _, antall := range []int{1, 10, 100, 1000, 8000} {
		u := Utgaaende{Type: strings.Repeat("t", 255), AvsenderKontoID: uuid.NewString(), MottakerKontoID: uuid.NewString(),
			SvarPaMelding: uuid.NewString(), Headere: map[string]string{}}
		for i := range antall {
			u.Headere[fmt.Sprint(i)] = strings.Repeat("x", max(0, (maksHeadere-5*antall)/antall))
		}
		if u.Validate() != nil {
			continue
		}
		bytes := 0
		for _, h := range amqpMelding("q", Melding{Utgaaende: u, AvsenderNavn: strings.Repeat("ø", 200), SvarTilType: u.Type}).Headers {
			bytes += 1 + len(h.Name) + 1 + 4 + len(h.Value) // AMQP 0-9-1 §4.2.5.5
		}
		if bytes > 100_000 {
			t.Errorf("%d headers were let through: %d bytes do not fit in a frame of 128 KiB with room to spare", antall, bytes)
		}
	}
}
