package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"knutepunkt/asice"
	"knutepunkt/cms"
)

// Utgaaende is a Fiks IO message to be sent.
type Utgaaende struct {
	AvsenderKontoID string            `json:"avsenderKontoId"`
	MottakerKontoID string            `json:"mottakerKontoId"`
	MeldingType     string            `json:"meldingType"`
	SvarPaMelding   *string           `json:"svarPaMelding"`
	TTL             *int64            `json:"ttl"` // ms
	Headere         map[string]string `json:"headere"`
}

// OffentligNokkel fetches the certificate that payloads to a konto are encrypted to.
func (c *Client) OffentligNokkel(ctx context.Context, kontoID string) (*x509.Certificate, error) {
	var svar struct {
		Nokkel string `json:"nokkel"`
	}
	if err := c.json(ctx, http.MethodGet, "/fiks-io/katalog/api/v1/kontoer/"+url.PathEscape(kontoID)+"/offentligNokkel", nil, &svar); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(svar.Nokkel))
	if block == nil {
		return nil, errors.New("client: the konto's key is not PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// SendMelding sends a message; kryptert is its payload, an encrypted ASiC-E, or
// nil. It gives the melding-id.
func (c *Client) SendMelding(ctx context.Context, u Utgaaende, kryptert io.Reader) (string, error) {
	meta, err := json.Marshal(u)
	if err != nil {
		return "", fmt.Errorf("client: %w", err)
	}
	resp, err := c.upload(ctx, "/fiks-io/api/v1/send", func(w *multipart.Writer) error {
		if err := jsonDel(w, "metadata", "application/json", meta); err != nil {
			return err
		}
		if kryptert == nil {
			return nil
		}
		del, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="data"; filename="` + uuid.NewString() + `"`},
			"Content-Type":        {"application/octet-stream"},
		})
		if err != nil {
			return err
		}
		_, err = io.Copy(del, kryptert)
		return err
	})
	if err != nil {
		return "", err
	}
	var svar struct {
		MeldingID string `json:"meldingId"`
	}
	return svar.MeldingID, decode(resp, &svar)
}

// Mottaker is how a konto's messages are received.
type Mottaker struct {
	Addr     string      // host:port of the AMQP listener
	TLS      *tls.Config // nil: plain AMQP
	KontoID  string
	Nokler   []cms.Key // the konto's private keys, newest first
	Prefetch int       // unacknowledged messages at a time; 0: 10
	Navn     string    // shown by the platform as the connected client
	// Pause between attempts to connect; 0: 5 s.
	Pause time.Duration
	// Tilkoblet, when not nil, is called each time the consumer is ready.
	Tilkoblet func()
	// Brutt, when not nil, is told why a connection ended before it is made anew.
	Brutt func(error)
}

// Mottatt is a received message.
type Mottatt struct {
	MeldingID, MeldingType, AvsenderKontoID, MottakerKontoID string
	SvarPaMelding                                            string
	DokumentlagerID                                          string
	Resendt                                                  bool              // handed out before
	Headere                                                  map[string]string // the sender's own

	c      *Client
	nokler []cms.Key
	body   []byte
}

// Lytt receives messages until ctx ends: fn is called for each, one at a time.
// nil acknowledges; an error gives the message back (after three attempts the
// sender is told). A lost connection is made anew, with a fresh token.
func (c *Client) Lytt(ctx context.Context, m Mottaker, fn func(context.Context, *Mottatt) error) error {
	pause := m.Pause
	if pause == 0 {
		pause = 5 * time.Second
	}
	for {
		err := c.lyttEnGang(ctx, m, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if feil, ok := errors.AsType[*amqp.Error](err); ok && (feil.Code == amqp.AccessRefused || feil.Code == amqp.NotFound) {
			return fmt.Errorf("client: %w", err) // trying again will not help
		}
		if m.Brutt != nil {
			m.Brutt(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *Client) lyttEnGang(ctx context.Context, m Mottaker, fn func(context.Context, *Mottatt) error) error {
	token, err := c.cfg.Token(ctx)
	if err != nil {
		return fmt.Errorf("client: getting a token: %w", err)
	}
	props := amqp.NewConnectionProperties()
	props.SetClientConnectionName(m.Navn)
	cfg := amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: c.cfg.IntegrasjonID, Password: c.cfg.IntegrasjonPassord + " " + token}},
		Vhost: "/", Heartbeat: 60 * time.Second, Properties: props,
		Dial: func(_, _ string) (net.Conn, error) {
			d := &net.Dialer{Timeout: 30 * time.Second}
			conn, err := d.DialContext(ctx, "tcp", m.Addr)
			if err != nil {
				return nil, err
			}
			return conn, conn.SetDeadline(time.Now().Add(30 * time.Second)) // amqp091 lifts it after the handshake
		},
	}
	skjema := "amqp"
	if m.TLS != nil {
		skjema, cfg.TLSClientConfig = "amqps", m.TLS
	}
	conn, err := amqp.DialConfig(skjema+"://"+m.Addr, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	kanal, err := conn.Channel()
	if err != nil {
		return err
	}
	prefetch := m.Prefetch
	if prefetch == 0 {
		prefetch = 10
	}
	if err := kanal.Qos(prefetch, 0, false); err != nil {
		return err
	}
	lukket := kanal.NotifyClose(make(chan *amqp.Error, 1))
	meldinger, err := kanal.ConsumeWithContext(ctx, "fiksio.konto."+m.KontoID, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	if m.Tilkoblet != nil {
		m.Tilkoblet()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-meldinger:
			if !ok {
				if feil := <-lukket; feil != nil {
					return feil
				}
				return errors.New("the connection was closed")
			}
			if err := fn(ctx, c.mottatt(m, d)); err != nil {
				if err := d.Nack(false, true); err != nil {
					return err
				}
				continue
			}
			if err := d.Ack(false); err != nil {
				return err
			}
		}
	}
}

const egendefinert = "egendefinert-header."

func (c *Client) mottatt(m Mottaker, d amqp.Delivery) *Mottatt {
	ut := &Mottatt{Resendt: d.Redelivered, Headere: map[string]string{}, c: c, nokler: m.Nokler, body: d.Body}
	ut.MottakerKontoID = strings.TrimPrefix(d.RoutingKey, "fiksio.konto.")
	for navn, verdi := range d.Headers {
		s, _ := verdi.(string)
		switch {
		case navn == "melding-id":
			ut.MeldingID = s
		case navn == "type":
			ut.MeldingType = s
		case navn == "avsender-id":
			ut.AvsenderKontoID = s
		case navn == "svar-til":
			ut.SvarPaMelding = s
		case navn == "dokumentlager-id":
			ut.DokumentlagerID = s
		case strings.HasPrefix(navn, egendefinert):
			ut.Headere[strings.TrimPrefix(navn, egendefinert)] = s
		}
	}
	return ut
}

// HarNyttelast tells whether the message has a payload.
func (m *Mottatt) HarNyttelast() bool { return m.DokumentlagerID != "" || len(m.body) > 0 }

// Kryptert opens the payload as it came: an encrypted ASiC-E.
func (m *Mottatt) Kryptert(ctx context.Context) (io.ReadCloser, error) {
	if m.DokumentlagerID == "" {
		return io.NopCloser(bytes.NewReader(m.body)), nil
	}
	return m.c.apne(ctx, "/dokumentlager/nedlasting/"+url.PathEscape(m.DokumentlagerID))
}

// Filer decrypts the payload and calls fn with each file in it. What fn got may
// be used only after Filer has returned nil: digests and signature are known at
// the end.
func (m *Mottatt) Filer(ctx context.Context, fn func(navn string, r io.Reader) error) (asice.Report, error) {
	kryptert, err := m.Kryptert(ctx)
	if err != nil {
		return asice.Report{}, err
	}
	defer kryptert.Close()
	klart, err := cms.NewReader(kryptert, m.nokler...)
	if err != nil {
		return asice.Report{}, fmt.Errorf("client: decrypting message %s: %w", m.MeldingID, err)
	}
	rapport, err := asice.Read(klart, asice.Options{}, fn)
	if err != nil {
		return rapport, fmt.Errorf("client: reading message %s: %w", m.MeldingID, err)
	}
	return rapport, nil
}

// Svar answers the message without payload, as a receipt is.
func (m *Mottatt) Svar(ctx context.Context, meldingType string) (string, error) {
	return m.c.SendMelding(ctx, Utgaaende{
		AvsenderKontoID: m.MottakerKontoID, MottakerKontoID: m.AvsenderKontoID,
		MeldingType: meldingType, SvarPaMelding: &m.MeldingID,
	}, nil)
}
