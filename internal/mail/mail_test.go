package mail_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"io"
	"mime"
	"mime/quotedprintable"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/store"
)

// sink is a small SMTP server (RFC 5321) that keeps what it is given.
type sink struct {
	t        *testing.T
	listener net.Listener
	tls      *tls.Config
	startTLS bool
	implicit bool
	auth     string // user:password that must be given; "" = none
	refuse   string // an answer to MAIL FROM in place of 250

	mu    sync.Mutex
	mails []string
	to    []string
	inTLS []bool
}

func newSink(t *testing.T, s *sink) *sink {
	t.Helper()
	s.t = t
	key, cert := grunntest.Plattformnokkel(t)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = s.listener.Close(); all.Wait() })
	return s
}

func (s *sink) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *sink) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	secure, authed := s.implicit, s.auth == ""
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	say := func(lines ...string) { fmt.Fprint(conn, strings.Join(lines, "\r\n")+"\r\n") }
	say("220 sink")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch {
		case verb == "EHLO" && s.startTLS && !secure:
			say("250-sink", "250-AUTH PLAIN", "250 STARTTLS")
		case verb == "EHLO":
			say("250-sink", "250 AUTH PLAIN")
		case verb == "STARTTLS":
			say("220 go")
			tlsConn := tls.Server(conn, s.tls)
			if tlsConn.Handshake() != nil {
				return
			}
			conn, secure = tlsConn, true
			r = bufio.NewReader(conn)
		case verb == "AUTH":
			token, _ := base64.StdEncoding.DecodeString(line[strings.LastIndex(line, " ")+1:])
			if authed = strings.Trim(strings.ReplaceAll(string(token), "\x00", ":"), ":") == s.auth; authed {
				say("235 ok")
			} else {
				say("535 no")
			}
		case verb == "MAIL" && !authed:
			say("530 who are you")
		case verb == "MAIL" && s.refuse != "":
			say(s.refuse)
		case verb == "RCPT":
			s.mu.Lock()
			s.to = append(s.to, line[strings.Index(line, "<")+1:strings.Index(line, ">")])
			s.mu.Unlock()
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.inTLS = append(s.inTLS, secure)
			s.mu.Unlock()
			say("250 ok")
		case verb == "QUIT":
			say("221 bye")
			return
		default: // MAIL, RSET, NOOP
			say("250 ok")
		}
	}
}

func pool(t *testing.T) *x509.CertPool {
	t.Helper()
	_, cert := grunntest.Plattformnokkel(t)
	p := x509.NewCertPool()
	p.AddCert(cert)
	return p
}

var melding = mail.Melding{ID: "0b8e7d0e-6f0c-4b53-8f2c-9a1d0f0c0b0a", Time: grunntest.Start,
	From: "Knutepunkt <ikke-svar@knutepunkt.test>", To: []string{"mottaker@kommune.test"},
	Subject: "Forsendelse ikke hentet æøå", Text: "Hei.\n.\nLinje med punktum: gå til forvaltning.\n" + strings.Repeat("lang ", 300)}

func TestSMTP(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sink   *sink
		config mail.SMTPConfig
		err    string // "" = it arrives
		plain  bool
	}{
		"no protection":                        {&sink{}, mail.SMTPConfig{TLS: mail.TLSIngen}, "", true},
		"opportunistic without":                {&sink{}, mail.SMTPConfig{TLS: mail.TLSOpportunistic}, "", true},
		"opportunistic with":                   {&sink{startTLS: true}, mail.SMTPConfig{TLS: mail.TLSOpportunistic}, "", false},
		"implicit":                             {&sink{implicit: true}, mail.SMTPConfig{TLS: mail.TLSImplisitt}, "", false},
		"required":                             {&sink{startTLS: true}, mail.SMTPConfig{}, "", false},
		"required, with user":                  {&sink{startTLS: true, auth: "u:p"}, mail.SMTPConfig{User: "u", Password: "p"}, "", false},
		"required, but the server has it not":  {&sink{}, mail.SMTPConfig{}, "smtp", false},
		"wrong password":                       {&sink{startTLS: true, auth: "u:p"}, mail.SMTPConfig{User: "u", Password: "q"}, "smtp", false},
		"no password in clear":                 {&sink{auth: "u:p"}, mail.SMTPConfig{TLS: mail.TLSIngen, User: "u", Password: "p"}, "smtp", false},
		"refused for now, address in the text": {&sink{refuse: "451 not now <mottaker@kommune.test>"}, mail.SMTPConfig{TLS: mail.TLSIngen}, "code 451, temporary true", false},
		"refused":                              {&sink{refuse: "550 never <mottaker@kommune.test>"}, mail.SMTPConfig{TLS: mail.TLSIngen}, "code 550, temporary false", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t, c.sink)
			c.config.Host, c.config.Port = "127.0.0.1", s.port()
			c.config.TLSConfig = &tls.Config{RootCAs: pool(t), InsecureSkipVerify: true} // the certificate has no name
			transport, err := mail.SMTP(c.config)
			if err != nil {
				t.Fatal(err)
			}
			err = transport.Send(t.Context(), melding)
			s.mu.Lock()
			defer s.mu.Unlock()
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "mottaker") {
					t.Errorf("got %v", err)
				}
				if len(s.mails) != 0 {
					t.Error("it was sent all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(s.mails) != 1 || len(s.to) != 1 || s.to[0] != "mottaker@kommune.test" || s.inTLS[0] == c.plain {
				t.Fatalf("got %d mails to %v, TLS %v", len(s.mails), s.to, s.inTLS)
			}
			check(t, s.mails[0])
		})
	}
}

// check reads the message with the standard library's parser.
func check(t *testing.T, raw string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != melding.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	if id := m.Header.Get("Message-Id"); id != "<"+melding.ID+"@knutepunkt.test>" {
		t.Errorf("Message-ID %q", id)
	}
	if at, err := m.Header.Date(); err != nil || !at.Equal(melding.Time) {
		t.Errorf("date %v, %v", at, err)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Error("it does not say that a machine sent it")
	}
	if enc := m.Header.Get("Content-Transfer-Encoding"); enc != "quoted-printable" {
		t.Fatalf("encoding %q", enc)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if got := strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"); err != nil || got != melding.Text {
		t.Errorf("text %q, %v", got, err)
	}
}

func TestSMTPConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []mail.SMTPConfig{{}, {Host: "x", TLS: "maybe"}, {Host: "x", Port: -1}, {Host: "x", Port: 70_000}} {
		if _, err := mail.SMTP(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
	for _, m := range []mail.Melding{{From: "not one", To: melding.To}, {From: melding.From, To: []string{"Ola Nordmann"}}} {
		transport, err := mail.SMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := transport.Send(t.Context(), m); err == nil || strings.Contains(err.Error(), "Ola") {
			t.Errorf("got %v", err)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	g := grunntest.Ny(t)
	send := func(end error, subject string, to ...string) {
		t.Helper()
		if err := g.DB.Write(t.Context(), func(tx *store.Tx) error {
			return errors.Join(g.Mail.Send(t.Context(), tx, to, subject, "Tekst"), end)
		}); !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	send(nil, "to nobody")
	send(nil, "to blanks", "", "  ")
	send(errors.New("no"), "rolled back", "a@example.no")
	send(nil, "one\r\nBcc: x@example.no", "a@example.no", " A@example.no", "b@example.no")
	look(t, g.Dir, "example.no")
	g.Frem(t, time.Minute)
	look(t, g.Dir, "example.no")
	all, err := g.Epost.Alle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("got %+v", all)
	}
	to := map[string]bool{}
	for _, m := range all {
		if len(m.To) != 1 || m.Subject != "one Bcc: x@example.no" || m.Text != "Tekst" || !m.Time.Equal(grunntest.Start) || m.ID == "" {
			t.Errorf("got %+v", m)
		}
		to[m.To[0]] = true
		if err := g.Epost.Send(t.Context(), m); err != nil { // a second time does nothing
			t.Fatal(err)
		}
	}
	if !to["a@example.no"] || !to["b@example.no"] {
		t.Errorf("sent to %v", to)
	}
	again, err := g.Epost.Alle(t.Context())
	if err != nil || len(again) != 2 {
		t.Errorf("after sending again: %d, %v", len(again), err)
	}
	var left int
	if err := g.DB.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM epost`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d are still queued, %v", left, err)
	}
}

func look(t *testing.T, dir, marker string) {
	t.Helper()
	files := 0
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), marker) {
			t.Errorf("%q is readable in %s", marker, e.Name())
		}
		return err
	}); err != nil || files < 2 {
		t.Fatalf("%d files, %v", files, err)
	}
}
