package portal

import (
	"context"
	"net/http"
)

// What the tests beside the room look at, and nobody else.
const (
	Logginntid = logginntid
	Gjemmetid  = gjemmetid
	MaksSkjema = maksSkjema
)

func (p *Portal) Fei(ctx context.Context) error { return p.fei(ctx) }

// Utsteder is the issuer as after a restart, met through klient.
func (p *Portal) Utsteder(klient *http.Client) {
	p.oidc = p.nyInnlogger()
	p.oidc.klient = klient
}

func (p *Portal) UtenUtsteder() { p.oidc.cfg.Issuer = "" }

// Statisk is a static file's address, its size, and its size on the wire.
func (p *Portal) Statisk(navn string) (sti string, n, gzip int) {
	f := p.statisk.filer[navn]
	return p.statisk.sti(navn), len(f.innhold), len(f.gzip)
}
