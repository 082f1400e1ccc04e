// Package rabbitnode runs a private RabbitMQ node on loopback, as the
// yardstick for our own listener: own name, ports, directories and Erlang
// cookie, so that it meddles with no other node of the machine. It needs the
// rabbitmq-server program, and a user other than root to run it as.
package rabbitnode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// server is the start script below Debian's wrapper, which insists on users.
const server = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// Installed answers nil when a node can be started here.
func Installed() error {
	if _, err := os.Stat(server); err != nil {
		return fmt.Errorf("rabbitmq-server is not installed: %w", err)
	}
	if _, err := exec.LookPath("epmd"); err != nil {
		return fmt.Errorf("erlang's epmd is not installed: %w", err)
	}
	return nil
}

// User is an account of the node.
type User struct {
	Name, Password string
	Admin          bool
	// Read is the regular expression of the queues that it may read. Admins may all.
	Read string
}

// Options say how a node is made.
type Options struct {
	Users []User // one of them Admin
	// CertFile contents (PEM) for TLS, with CA; without them there is no TLS.
	CA, Cert, Key []byte
	// Config is added to rabbitmq.conf.
	Config string
}

// Node is a running node.
type Node struct {
	Addr    string // host:port, plain
	TLSAddr string // host:port, or empty
	Admin   User

	dir    string
	server *exec.Cmd
	epmd   *exec.Cmd
	exited chan struct{}
}

// Start starts a node and returns when the admin can log in.
func Start(ctx context.Context, o Options) (_ *Node, err error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	n := &Node{exited: make(chan struct{})}
	defer func() {
		if err != nil {
			n.Stop()
		}
	}()
	if n.dir, err = os.MkdirTemp("", "rabbitnode-"); err != nil {
		return nil, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	n.Addr = "127.0.0.1:" + ports[0]
	file := func(name string) string { return filepath.Join(n.dir, name) }
	conf := "listeners.tcp.1 = " + n.Addr + "\n" +
		"initial_frame_max = 131072\n" +
		"loopback_users = none\n" +
		"disk_free_limit.absolute = 50MB\n" +
		"load_definitions = " + file("definitions.json") + "\n" + o.Config + "\n"
	files := map[string][]byte{"enabled_plugins": []byte("[].\n"), "env": nil}
	if o.Cert != nil {
		n.TLSAddr = "127.0.0.1:" + ports[3]
		conf += "listeners.ssl.1 = " + n.TLSAddr + "\n" +
			"ssl_options.cacertfile = " + file("ca.pem") + "\n" +
			"ssl_options.certfile = " + file("cert.pem") + "\n" +
			"ssl_options.keyfile = " + file("key.pem") + "\n"
		files["ca.pem"], files["cert.pem"], files["key.pem"] = o.CA, o.Cert, o.Key
	}
	files["rabbitmq.conf"] = []byte(conf)
	if files["definitions.json"], n.Admin, err = definitions(o.Users); err != nil {
		return nil, err
	}
	for name, content := range files {
		if err := os.WriteFile(file(name), content, 0o600); err != nil {
			return nil, err
		}
	}
	cred, err := ordinaryUser()
	if err != nil {
		return nil, err
	}
	if cred != nil {
		if err := chownAll(n.dir, cred); err != nil {
			return nil, err
		}
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + n.dir,
		"ERL_EPMD_PORT=" + ports[1], "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=knutepunkt-" + ports[0] + "@localhost",
		"RABBITMQ_DIST_PORT=" + ports[2],
		"RABBITMQ_MNESIA_BASE=" + file("mnesia"),
		"RABBITMQ_LOG_BASE=" + file("log"),
		"RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + file("enabled_plugins"),
		"RABBITMQ_CONF_ENV_FILE=" + file("env"),
		"RABBITMQ_PID_FILE=" + file("pid"),
	}
	command := func(name string, arg ...string) *exec.Cmd {
		c := exec.Command(name, arg...)
		c.Env, c.Dir = env, n.dir
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cred}
		return c
	}
	n.epmd = command("epmd", "-port", ports[1], "-address", "127.0.0.1")
	if err := n.epmd.Start(); err != nil {
		return nil, fmt.Errorf("starting epmd: %w", err)
	}
	var output bytes.Buffer
	n.server = command(server)
	n.server.Stdout, n.server.Stderr = &output, &output
	if err := n.server.Start(); err != nil {
		return nil, fmt.Errorf("starting rabbitmq-server: %w", err)
	}
	go func() {
		_ = n.server.Wait()
		close(n.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		conn, err := amqp.Dial(n.URL(n.Admin))
		if err == nil {
			return n, conn.Close()
		}
		select {
		case <-n.exited:
			return nil, fmt.Errorf("rabbitmq-server ended:\n%s", output.String())
		case <-ctx.Done():
			return nil, fmt.Errorf("rabbitmq-server is not ready (%w): %w", ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// URL is the AMQP URL for a user, plain.
func (n *Node) URL(u User) string {
	host, port, _ := net.SplitHostPort(n.Addr)
	p, _ := strconv.Atoi(port)
	return amqp.URI{Scheme: "amqp", Host: host, Port: p, Username: u.Name, Password: u.Password, Vhost: "/"}.String()
}

// PID is the process of the node's Erlang machine, or 0 when unknown.
func (n *Node) PID() int {
	b, err := os.ReadFile(filepath.Join(n.dir, "pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// Stop kills the node and removes its files.
func (n *Node) Stop() {
	if n.server != nil && n.server.Process != nil {
		_ = syscall.Kill(-n.server.Process.Pid, syscall.SIGKILL)
		<-n.exited
	}
	if n.epmd != nil && n.epmd.Process != nil {
		_ = syscall.Kill(-n.epmd.Process.Pid, syscall.SIGKILL)
		_ = n.epmd.Wait()
	}
	if n.dir != "" {
		_ = os.RemoveAll(n.dir)
	}
}

func definitions(users []User) ([]byte, User, error) {
	type account struct {
		Name     string `json:"name"`
		Password string `json:"password"`
		Tags     string `json:"tags"`
	}
	type permission struct {
		User      string `json:"user"`
		Vhost     string `json:"vhost"`
		Configure string `json:"configure"`
		Write     string `json:"write"`
		Read      string `json:"read"`
	}
	var d struct {
		Vhosts      []map[string]string `json:"vhosts"`
		Users       []account           `json:"users"`
		Permissions []permission        `json:"permissions"`
	}
	d.Vhosts = []map[string]string{{"name": "/"}}
	var admin User
	for _, u := range users {
		a, p := account{u.Name, u.Password, ""}, permission{u.Name, "/", "^$", "^$", u.Read}
		if u.Admin {
			admin = u
			a.Tags, p.Configure, p.Write, p.Read = "administrator", ".*", ".*", ".*"
		}
		d.Users, d.Permissions = append(d.Users, a), append(d.Permissions, p)
	}
	if admin.Name == "" {
		return nil, admin, errors.New("rabbitnode: no admin among the users")
	}
	b, err := json.Marshal(d)
	return b, admin, err
}

// ordinaryUser is whom to run as: nil for ourselves, unless we are root.
func ordinaryUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"rabbitmq", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}, nil
		}
	}
	return nil, errors.New("no user other than root to run rabbitmq-server as")
}

func chownAll(dir string, cred *syscall.Credential) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(cred.Uid), int(cred.Gid))
	})
}

func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
