package sandbox_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/client"
	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
)

// Tests of a set-up beside the real channels to Altinn and print: one that a
// fagsystem on AMQP takes, one of a fagsystem that is silent, and one in SvarInn
// that nobody fetches. None of them ever leaves the municipality's own receiver.
func TestProveBlirAldriBrev(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	ctx, stopp := context.WithTimeout(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: k.b.Personer[0].Fnr, Niva: 4}), time.Minute)
	defer stopp()
	ider := map[string]string{}
	for _, nr := range []string{"9901", "9902", "9903"} {
		ider[nr] = uuid.NewString()
		if err := k.s.App.Digisos.SendProve(ctx, k.kommune(t, nr).FiksOrgID, ider[nr]); err != nil {
			t.Fatal(nr, err)
		}
	}
	fag := k.kommune(t, "9901").Fagsystem
	data, err := os.ReadFile(filepath.Join(k.dir, fag.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	privat, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	nokkel := privat.(*rsa.PrivateKey)
	mottaker := k.klient(t, fag.Integrasjon)
	lctx, ferdig := context.WithCancel(ctx)
	defer ferdig()
	slutt := make(chan error, 1)
	sett := make(chan string, 1)
	go func() {
		slutt <- mottaker.Lytt(lctx, client.Mottaker{
			Addr: net.JoinHostPort(k.b.AMQP.Host, strconv.Itoa(k.b.AMQP.Port)), KontoID: fag.FiksIOKontoID,
			Nokler: []cms.Key{{Private: nokkel}}, Prefetch: 1,
		}, func(ctx context.Context, m *client.Mottatt) error {
			var soknad string
			_, err := m.Filer(ctx, func(navn string, r io.Reader) error {
				b, err := io.ReadAll(r)
				if navn == "soknad.json" {
					soknad = string(b)
				}
				return err
			})
			if err != nil {
				return err
			}
			_, err = m.Svar(ctx, digisos.TypeSoknadMottatt)
			sett <- soknad
			return err
		})
	}()
	select {
	case soknad := <-sett:
		if !strings.Contains(soknad, digisos.ProveTittel) || !strings.Contains(soknad, digisos.ProveFnr) {
			t.Errorf("the fagsystem got %s", soknad)
		}
	case err := <-slutt:
		t.Fatal(err)
	}
	k.fram(t, "72h") // and all that falls due until then
	ferdig()
	for nr, virker := range map[string]bool{"9901": true, "9902": false, "9903": false} {
		p, err := k.s.App.Digisos.Prove(ctx, k.kommune(t, nr).FiksOrgID, ider[nr])
		if err != nil || p.Bekreftet != virker || p.Slutt.IsZero() || !p.Slettet {
			t.Errorf("%s: %+v %v", nr, p, err)
		}
		if status, svar := k.kall(t, k.client, "GET", "/sandbox/spor/"+ider[nr], "", "Accept", "application/json"); status != 200 || !strings.Contains(svar, digisos.KildeProve) {
			t.Errorf("the trace of %s: %d %s", nr, status, svar)
		}
	}
	for _, sted := range []string{"print", "altinn", "mail"} {
		if status, svar := k.kall(t, k.client, "GET", "/sandbox/"+sted, ""); status != 200 || strings.TrimSpace(svar) != "[]" {
			t.Errorf("%s got something: %d %s", sted, status, svar)
		}
	}
}
