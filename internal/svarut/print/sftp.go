package print

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	sftpStillhet  = 60 * time.Second // without a byte either way the connection is given up
	sftpSamtidige = 16               // packets of 32 kB under way when a file is written
)

// SFTP is a Transport to the supplier's server, known by its host key. Each
// connection is a login of its own.
type SFTP struct {
	adresse, rot string
	cfg          *ssh.ClientConfig
	stillhet     time.Duration
}

// NySFTP makes the transport to adresse (host:port), logged in as bruker with a
// private key (PEM, without passphrase). vertsnokkel is the server's public key in
// the form of authorized_keys, and rot the folder there; "" is where the login ends.
func NySFTP(adresse, bruker string, privatnokkel []byte, vertsnokkel, rot string) (*SFTP, error) {
	if _, _, err := net.SplitHostPort(adresse); err != nil {
		return nil, fmt.Errorf("print: the SFTP server is not host:port: %w", err)
	}
	nokkel, err := ssh.ParsePrivateKey(privatnokkel)
	if err != nil {
		return nil, errors.New("print: the SFTP key is not a private key in PEM without passphrase")
	}
	vert, _, _, _, err := ssh.ParseAuthorizedKey([]byte(vertsnokkel))
	if err != nil {
		return nil, fmt.Errorf("print: the SFTP server's host key: %w", err)
	}
	algoritmer := []string{vert.Type()}
	if vert.Type() == ssh.KeyAlgoRSA {
		algoritmer = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return &SFTP{adresse: adresse, rot: rot, stillhet: sftpStillhet, cfg: &ssh.ClientConfig{
		User: bruker, Auth: []ssh.AuthMethod{ssh.PublicKeys(nokkel)},
		HostKeyCallback: ssh.FixedHostKey(vert), HostKeyAlgorithms: algoritmer,
	}}, nil
}

// Koble implements Transport.
func (s *SFTP) Koble(ctx context.Context) (Forbindelse, error) {
	d := net.Dialer{Timeout: s.stillhet}
	rad, err := d.DialContext(ctx, "tcp", s.adresse)
	if err != nil {
		return nil, fmt.Errorf("connecting to the print supplier: %w", err)
	}
	linje := &overvaket{Conn: rad, stillhet: s.stillhet}
	stopp := context.AfterFunc(ctx, func() { _ = rad.Close() })
	lukk := func() { stopp(); _ = rad.Close() }
	conn, kanaler, onsker, err := ssh.NewClientConn(linje, s.adresse, s.cfg)
	if err != nil {
		lukk()
		return nil, fmt.Errorf("logging in to the print supplier: %w", errors.Join(err, ctx.Err()))
	}
	klient := ssh.NewClient(conn, kanaler, onsker)
	c, err := sftp.NewClient(klient, sftp.UseConcurrentWrites(true))
	if err != nil {
		_ = klient.Close()
		lukk()
		return nil, fmt.Errorf("starting SFTP with the print supplier: %w", errors.Join(err, ctx.Err()))
	}
	return &fjern{c: c, ssh: klient, rot: s.rot, lukk: lukk}, nil
}

// overvaket is a connection that fails when nothing has moved for a while.
type overvaket struct {
	net.Conn
	stillhet time.Duration
}

func (o *overvaket) Read(p []byte) (int, error) {
	_ = o.SetDeadline(time.Now().Add(o.stillhet))
	return o.Conn.Read(p)
}

func (o *overvaket) Write(p []byte) (int, error) {
	_ = o.SetDeadline(time.Now().Add(o.stillhet))
	return o.Conn.Write(p)
}

// fjern is a Forbindelse over SFTP.
type fjern struct {
	c    *sftp.Client
	ssh  *ssh.Client
	rot  string
	lukk func()
}

func (f *fjern) Close() error {
	err := errors.Join(f.c.Close(), f.ssh.Close())
	f.lukk()
	return err
}

func (f *fjern) sti(navn string) string { return path.Join(f.rot, navn) }

func (f *fjern) Skriv(navn string, r io.Reader) (err error) {
	fil, err := f.c.OpenFile(f.sti(navn), os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fil.Close()) }()
	if _, err := fil.ReadFromWithConcurrency(r, sftpSamtidige); err != nil {
		return err
	}
	if _, kan := f.c.HasExtension("fsync@openssh.com"); !kan {
		return nil // a server that cannot say when it has stored it
	}
	return fil.Sync()
}

func (f *fjern) Flytt(fra, til string) error {
	if _, kan := f.c.HasExtension("posix-rename@openssh.com"); kan {
		return f.c.PosixRename(f.sti(fra), f.sti(til))
	}
	// The plain rename does not replace. It is tried first, so that there is no
	// moment without a file when it is not needed.
	err := f.c.Rename(f.sti(fra), f.sti(til))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, e := f.c.Lstat(f.sti(til)); e != nil {
		return err
	}
	if e := f.Slett(til); e != nil {
		return errors.Join(err, e)
	}
	return f.c.Rename(f.sti(fra), f.sti(til))
}

func (f *fjern) Slett(navn string) error {
	if err := f.c.Remove(f.sti(navn)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *fjern) Les(navn string, maks int64) ([]byte, error) {
	fil, err := f.c.Open(f.sti(navn))
	if err != nil {
		return nil, err
	}
	defer fil.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(fil, maks+1))
}

func (f *fjern) List(mappe, endelse string, maks int) ([]string, error) {
	poster, err := f.c.ReadDir(mappesti(f.sti(mappe)))
	if err != nil {
		return nil, err
	}
	var ut []string
	for _, p := range poster {
		if p.Mode().IsRegular() && strings.HasSuffix(p.Name(), endelse) && len(ut) < maks {
			ut = append(ut, p.Name())
		}
	}
	return ut, nil
}

// mappesti is the folder of that name; "" is where the login ended.
func mappesti(sti string) string {
	if sti == "" {
		return "."
	}
	return sti
}

func (f *fjern) Mappe(navn string) error { return f.c.MkdirAll(f.sti(navn)) }
