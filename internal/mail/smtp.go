package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// TLS is how the connection to the SMTP server is protected.
type TLS string

// The ways of protection.
const (
	TLSPaakrevd      TLS = "required"      // STARTTLS or nothing is sent; the default
	TLSOpportunistic TLS = "opportunistic" // STARTTLS where the server has it
	TLSImplisitt     TLS = "implicit"      // TLS from the first byte (port 465)
	TLSIngen         TLS = "none"          // for a relay on the same machine
)

// SMTPConfig is where and how e-mail is handed on.
type SMTPConfig struct {
	Host     string
	Port     int // 0: 587, or 465 with implicit TLS
	TLS      TLS // "": required
	User     string
	Password string
	Timeout  time.Duration // of connecting and of each command; 0: 15 s
	// TLSConfig is for tests and private authorities; nil: the system's.
	TLSConfig *tls.Config
}

type smtpTransport struct {
	host    string
	options []gomail.Option
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// SMTP makes the Transport that hands e-mail to a server. Each message has a
// connection of its own. Faults of the configuration are errors here.
func SMTP(c SMTPConfig) (Transport, error) {
	if c.Host == "" {
		return nil, errors.New("mail: no SMTP host")
	}
	if c.Timeout <= 0 {
		c.Timeout = 15 * time.Second
	}
	options := []gomail.Option{gomail.WithTimeout(c.Timeout)}
	if c.TLSConfig != nil {
		options = append(options, gomail.WithTLSConfig(c.TLSConfig))
	}
	plain := &net.Dialer{Timeout: c.Timeout}
	t := &smtpTransport{host: c.Host, dial: plain.DialContext}
	port := 587
	switch c.TLS {
	case "", TLSPaakrevd:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLSOpportunistic:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	case TLSImplisitt:
		port = 465
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.TLSConfig != nil {
			config = c.TLSConfig.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = c.Host
		}
		options = append(options, gomail.WithSSL())
		t.dial = (&tls.Dialer{NetDialer: plain, Config: config}).DialContext
	case TLSIngen:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("mail: unknown TLS policy %q", c.TLS)
	}
	if c.Port != 0 {
		port = c.Port
	}
	options = append(options, gomail.WithPort(port))
	if c.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(c.User), gomail.WithPassword(c.Password))
	}
	if _, err := gomail.NewClient(c.Host, options...); err != nil {
		return nil, fmt.Errorf("mail: SMTP configuration: %w", err)
	}
	t.options = options
	return t, nil
}

// Send hands m to the server. What the server answers may repeat an address, so
// of a refusal only the codes are told.
func (t *smtpTransport) Send(ctx context.Context, m Melding) error {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.From(m.From); err != nil {
		return errors.New("smtp: the sender is not an e-mail address")
	}
	if err := msg.To(m.To...); err != nil {
		return errors.New("smtp: a receiver is not an e-mail address")
	}
	_, domain, _ := strings.Cut(strings.TrimSuffix(m.From, ">"), "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDateWithValue(m.Time)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5
	msg.Subject(m.Subject)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)

	// The client leaves the connection open when a server does not offer what is
	// required, so we see to its end ourselves.
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	dial := gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (c net.Conn, err error) {
		conn, err = t.dial(ctx, network, address)
		return conn, err
	})
	client, err := gomail.NewClient(t.host, append(slices.Clip(t.options), dial)...)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	var refused *gomail.SendError
	if errors.As(err, &refused) {
		return fmt.Errorf("smtp: refused (%s, code %d, temporary %t)", refused.Reason, refused.ErrorCode(), refused.IsTemp())
	}
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return nil
}
