// Command amqp measures our own AMQP listener against RabbitMQ: the same client
// program, the same messages, in alternating rounds of one run, so that only the
// ratio counts and not the machine. It prints the ratio ours/RabbitMQ for three phases
// and exits 1 when one of them is below 1.0.
//
//	publish   persistent messages to one queue, with publisher confirms, many in flight
//	consume   all of them, in one consumer, one multiple ack for each quarter of the prefetch
//	          limit; the time ends with the last delivery
//	ack       again, each message acked by itself; the time ends when the delivery that
//	          needs the credit of the last ack has come and the channel is closed in order
//	          (which from ours means that all acks are durable)
//
// RabbitMQ's queue is a quorum queue as production would have it (Fiks IO wire contract
// §6.6); its classic durable queue is shown for information. Both brokers are
// processes apart from the client. Ours runs as "amqp -serve".
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/fiksio/amqp/amqptest"
	"knutepunkt/internal/fiksio/amqp/amqptest/rabbitnode"
)

func main() {
	var b bench
	serve := flag.String("serve", "", "run our broker on this directory and print its address (used by the benchmark itself)")
	flag.IntVar(&b.messages, "messages", 30000, "messages per phase")
	flag.IntVar(&b.size, "size", 512, "bytes per message")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds per broker")
	flag.IntVar(&b.inFlight, "in-flight", 2000, "unconfirmed publishes at most")
	flag.IntVar(&b.prefetch, "prefetch", 1000, "prefetch limit (RabbitMQ's quorum queues know no unlimited one)")
	flag.BoolVar(&b.classic, "classic", true, "measure RabbitMQ's classic queue too, for information")
	flag.BoolVar(&b.logOnly, "log-only", false, "put a bare log behind our listener instead of the platform's database")
	limit := flag.Duration("timeout", 10*time.Minute, "give up after this long")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	var err error
	if *serve != "" {
		err = serveOwn(ctx, *serve, b.logOnly)
	} else {
		err = b.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/amqp:", err)
		os.Exit(1)
	}
}

// serveOwn is the server process: our listener over the durable backend in dir.
func serveOwn(ctx context.Context, dir string, logOnly bool) error {
	backend, closeBackend, err := newBackend(dir, logOnly)
	if err != nil {
		return err
	}
	l := amqp.New(amqp.Config{Backend: backend})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	done := make(chan error, 1)
	go func() { done <- l.Serve(ln) }()
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(l.Shutdown(grace), <-done, closeBackend())
}

// broker is one of those measured.
type broker struct {
	name    string
	url     string
	declare func(ch *amqp091.Channel, queue string) error
	rates   map[string][]float64 // messages per second, per phase
}

type bench struct {
	messages, size, rounds, inFlight, prefetch int
	classic, logOnly                           bool
}

var phases = []string{"publish", "consume", "ack"}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-amqp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	own, err := startOwn(ctx, dir, b.logOnly)
	if err != nil {
		return fmt.Errorf("starting our broker: %w", err)
	}
	defer own.stop()
	node, err := rabbitnode.Start(ctx, rabbitnode.Options{Users: []rabbitnode.User{{Name: "admin", Password: "admin", Admin: true}}})
	if err != nil {
		return fmt.Errorf("starting RabbitMQ: %w", err)
	}
	defer node.Stop()

	brokers := []*broker{
		{name: "knutepunkt", url: "amqp://bench:bench@" + own.addr + "/", declare: func(*amqp091.Channel, string) error { return nil }},
		{name: "rabbitmq quorum", url: node.URL(node.Admin), declare: amqptest.DeclareQuorum},
	}
	if b.classic {
		brokers = append(brokers, &broker{name: "rabbitmq classic", url: node.URL(node.Admin), declare: func(ch *amqp091.Channel, queue string) error {
			_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
			return err
		}})
	}
	for round := range b.rounds + 1 { // the first one warms up
		for i := range brokers {
			br := brokers[(round+i)%len(brokers)]
			rates, err := b.round(ctx, br, amqptest.QueueName(true))
			if err != nil {
				return fmt.Errorf("%s: %w", br.name, err)
			}
			if round == 0 {
				br.rates = map[string][]float64{}
				continue
			}
			line := fmt.Sprintf("round %d  %-17s", round, br.name)
			for _, p := range phases {
				br.rates[p] = append(br.rates[p], rates[p])
				line += fmt.Sprintf("  %s %6.0f/s", p, rates[p])
			}
			fmt.Println(line)
		}
	}
	fmt.Printf("\nmedian of %d rounds, %d messages of %d bytes: ours / RabbitMQ\n", b.rounds, b.messages, b.size)
	worst := ""
	for _, p := range phases {
		ratio := medianRatio(brokers[0].rates[p], brokers[1].rates[p])
		line := fmt.Sprintf("%-8s %5.2f × quorum queue", p, ratio)
		if b.classic {
			line += fmt.Sprintf("   (%.2f × classic queue, for information)", medianRatio(brokers[0].rates[p], brokers[2].rates[p]))
		}
		fmt.Println(line)
		if ratio < 1 {
			worst += " " + p
		}
	}
	if worst != "" {
		return fmt.Errorf("slower than RabbitMQ:%s", worst)
	}
	return nil
}

// medianRatio is the median of the rounds' ratios: within a round the machine was the same.
func medianRatio(ours, theirs []float64) float64 {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// round measures the three phases on a fresh queue.
func (b *bench) round(ctx context.Context, br *broker, queue string) (map[string]float64, error) {
	conn, err := amqp091.Dial(br.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := br.declare(ch, queue); err != nil {
		return nil, err
	}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	rates := map[string]float64{}
	measure := func(phase string, do func() error) error {
		start := time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s: %w", phase, err)
		}
		rates[phase] = float64(b.messages) / time.Since(start).Seconds()
		return nil
	}
	if err := measure("publish", func() error { return b.publish(ctx, ch, queue, b.messages) }); err != nil {
		return nil, err
	}
	var consumer *amqp091.Channel
	if err := measure("consume", func() (err error) {
		consumer, err = b.consume(ctx, conn, queue, 0, b.prefetch/4)
		return err
	}); err != nil {
		return nil, err
	}
	if err := consumer.Close(); err != nil {
		return nil, err
	}
	// The tail shows that the credit of all acks has come back; it stays in the queue.
	if err := b.publish(ctx, ch, queue, b.messages+b.prefetch); err != nil {
		return nil, err
	}
	if err := measure("ack", func() error {
		ch, err := b.consume(ctx, conn, queue, b.prefetch, 1)
		if err != nil {
			return err
		}
		return ch.Close()
	}); err != nil {
		return nil, err
	}
	return rates, b.check(conn, queue)
}

// publish publishes n messages and waits until all are confirmed.
func (b *bench) publish(ctx context.Context, ch *amqp091.Channel, queue string, n int) error {
	body := []byte(strings.Repeat("k", b.size))
	waiting := make(chan *amqp091.DeferredConfirmation, b.inFlight)
	result := make(chan error, 1)
	go func() {
		for c := range waiting {
			if ok, err := c.WaitContext(ctx); err != nil || !ok {
				result <- fmt.Errorf("not confirmed: %v", err)
				return
			}
		}
		result <- nil
	}()
	for range n {
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queue, false, false,
			amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: body})
		if err != nil {
			return err
		}
		select {
		case waiting <- c:
		case err := <-result:
			return err
		}
	}
	close(waiting)
	return <-result
}

// consume takes all messages with one ack for each ackEvery of them, and then awaits tail
// further ones, for which the acks make room. It returns the consumer's channel, still open.
func (b *bench) consume(ctx context.Context, conn *amqp091.Connection, queue string, tail, ackEvery int) (*amqp091.Channel, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(b.prefetch, 0, false); err != nil {
		return nil, err
	}
	ds, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	for i := range b.messages + tail {
		var d amqp091.Delivery
		var ok bool
		select {
		case d, ok = <-ds:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !ok || len(d.Body) != b.size {
			return nil, fmt.Errorf("delivery %d is missing or wrong", i)
		}
		if i < b.messages && ((i+1)%ackEvery == 0 || i+1 == b.messages) {
			if err := d.Ack(ackEvery > 1); err != nil {
				return nil, err
			}
		}
	}
	return ch, nil
}

// check proves that the acks were effective: only the tail is left, delivered before.
func (b *bench) check(conn *amqp091.Connection, queue string) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	left := 0
	for {
		d, ok, err := ch.Get(queue, true)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if left++; !d.Redelivered {
			return errors.New("a message of the tail is not marked as redelivered")
		}
	}
	if left != b.prefetch {
		return fmt.Errorf("%d messages are left, not %d", left, b.prefetch)
	}
	return ch.Close()
}

// process is our broker in its own process.
type process struct {
	addr string
	cmd  *exec.Cmd
}

func startOwn(ctx context.Context, dir string, logOnly bool) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, self, "-serve", dir, fmt.Sprintf("-log-only=%v", logOnly))}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("it printed no address: %w", err)
	}
	p.addr = strings.TrimSpace(line)
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}
