// Package interop holds tests that drive RabbitMQ's own Java client against our AMQP listener
// and against RabbitMQ, and compare what it saw.
package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/fiksio/amqp/amqptest"
	"knutepunkt/internal/fiksio/amqp/amqptest/rabbitnode"
)

// want is what the client must see, from either broker.
var want = []string{
	"refused: ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
	"consuming, server-made tag: true",
	"got ack, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got nack, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got 300000 bytes, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got again, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got again again, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got hold, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got hold again, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"got end, key true, type no.ks.fiks.test.v1, expiration 86400000",
	"open after silence: true",
	"unknown queue: 404 NOT_FOUND - no queue 'QUEUE0' in vhost '/' (60/20)",
	"publish: 403 ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'USER' (60/40)",
	"unknown tag: 406 PRECONDITION_FAILED - unknown delivery tag 99 (60/80)",
	"closed",
}

func TestJavaClient(t *testing.T) {
	t.Parallel()
	amqptest.RequirePeer(t, rabbitnode.Installed())
	for _, program := range []string{"java", "keytool"} {
		_, err := exec.LookPath(program)
		amqptest.RequirePeer(t, err)
	}
	certs, err := amqptest.NewCertificates()
	if err != nil {
		t.Fatal(err)
	}
	store := trustStore(t, certs)
	own, _, _ := amqptest.StartOwnWith(t, certs, nil)
	rabbit, _ := amqptest.StartRabbitMQWith(t, certs)
	for _, lib := range []struct {
		name      string
		classpath func(testing.TB) string
	}{{"Debian 5.0.0", debian}, {"Maven 5.31.0", maven}} {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			cp := lib.classpath(t)
			for _, broker := range []struct {
				name string
				env  amqptest.Env
			}{{"knutepunkt", own}, {"rabbitmq", rabbit}} {
				for _, transport := range []string{"plain", "tls"} {
					t.Run(broker.name+" "+transport, func(t *testing.T) {
						play(t, broker.env, cp, store, transport)
					})
				}
			}
		})
	}
}

// play runs the client once, cutting its connection in the middle.
func play(t *testing.T, env amqptest.Env, classpath, store, transport string) {
	addr := env.Addr
	if transport == "tls" {
		addr = env.TLSAddr
	}
	line := newCutter(t, addr)
	queue := env.NewQueue(t)
	say := func(bodies ...string) {
		t.Helper()
		for _, b := range bodies {
			env.Publish(t, queue, amqptest.Message{Body: []byte(b), Expiration: "86400000",
				Headers: []amqptest.Header{{Name: "type", Value: "no.ks.fiks.test.v1"}}})
		}
	}
	say("ack", "nack", strings.Repeat("x", 300000))
	port := line.ln.Addr().(*net.TCPAddr).Port
	cmd := exec.CommandContext(t.Context(), "java", "-Djavax.net.ssl.trustStore="+store,
		"-Djavax.net.ssl.trustStorePassword=changeit", "-cp", classpath, "Consumer.java",
		"localhost", fmt.Sprint(port), env.Owner.Name, env.Owner.Password, queue, transport)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text := strings.NewReplacer(queue, "QUEUE", env.Owner.Name, "USER").Replace(lines.Text())
		got = append(got, text)
		switch {
		case strings.HasPrefix(text, "got 300000"):
			say("again")
		case strings.HasPrefix(text, "got again again"):
			say("hold")
		case strings.HasPrefix(text, "got hold,"):
			line.cut()
		case strings.HasPrefix(text, "got hold again"):
			say("end")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("java: %v\n%s", err, stderr.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, stderr.String())
	}
}

func debian(t testing.TB) string {
	t.Helper()
	jars := []string{"/usr/share/java/amqp-client.jar", "/usr/share/java/slf4j-api.jar"}
	for _, jar := range jars {
		_, err := os.Stat(jar)
		amqptest.RequirePeer(t, err)
	}
	return strings.Join(jars, ":")
}

// maven fetches the library that the released Fiks IO client is built on.
func maven(t testing.TB) string {
	t.Helper()
	_, err := exec.LookPath("mvn")
	amqptest.RequirePeer(t, err)
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+dir).CombinedOutput(); err != nil {
		amqptest.RequirePeer(t, fmt.Errorf("fetching the client with Maven: %w\n%s", err, out))
	}
	return filepath.Join(dir, "*")
}

func trustStore(t testing.TB, certs amqptest.Certificates) string {
	t.Helper()
	dir := t.TempDir()
	ca, store := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "trust.p12")
	if err := os.WriteFile(ca, certs.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", ca,
		"-keystore", store, "-storetype", "PKCS12", "-storepass", "changeit").CombinedOutput()
	if err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
	return store
}

// cutter passes a TCP connection through, until it is cut.
type cutter struct {
	ln net.Listener
	mu sync.Mutex
	on []net.Conn
}

func newCutter(t testing.TB, to string) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{ln: ln}
	var work sync.WaitGroup
	t.Cleanup(func() { ln.Close(); c.cut(); work.Wait() })
	work.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.DialTimeout("tcp", to, 10*time.Second)
			if err != nil {
				in.Close()
				continue
			}
			c.mu.Lock()
			c.on = append(c.on, in, out)
			c.mu.Unlock()
			pipe := func(a, b net.Conn) {
				_, _ = io.Copy(a, b)
				a.Close()
				b.Close()
			}
			work.Go(func() { pipe(in, out) })
			work.Go(func() { pipe(out, in) })
		}
	})
	return c
}

// cut ends all connections without a word of AMQP.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.on {
		nc.Close()
	}
	c.on = nil
}
