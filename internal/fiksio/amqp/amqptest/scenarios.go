package amqptest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"time"

	client "github.com/rabbitmq/amqp091-go"
)

// scenarios follow Fiks IO wire contract §9 (numbers in the comments), then what else
// clients of RabbitMQ may do.
var scenarios = []scenario{
	// 1: the sequence of §6.3.
	{name: "sequence", run: func(s *session) { s.sequence(false) }, want: sequenceNotes},
	{name: "sequence over TLS", run: func(s *session) { s.sequence(true) }, want: sequenceNotes},

	// 2
	{name: "long passwords", run: func(s *session) {
		for _, c := range s.Long {
			w := s.dialAs(c, false)
			s.must(w.Close())
			s.note("%d bytes: ok", len(c.Password))
		}
	}, want: []string{"1508 bytes: ok", "4104 bytes: ok", "16392 bytes: ok"}},

	// 3
	{name: "prefetch 10", run: func(s *session) {
		q := s.NewQueue(s)
		for i := range 12 {
			s.texts(q, fmt.Sprint(i+1))
		}
		ch := s.open(s.dial(), 10)
		ds := ch.consume(q, "")
		var first client.Delivery
		for i := range 10 {
			d := s.next(ds)
			if i == 0 {
				first = d
			}
			s.note("%s tag %d", describe(d), d.DeliveryTag)
		}
		s.silent(ds)
		s.must(first.Ack(false))
		d := s.next(ds)
		s.note("after one ack: %s tag %d", describe(d), d.DeliveryTag)
		s.silent(ds)
	}, want: []string{"1 tag 1", "2 tag 2", "3 tag 3", "4 tag 4", "5 tag 5", "6 tag 6", "7 tag 7", "8 tag 8",
		"9 tag 9", "10 tag 10", "after one ack: 11 tag 11"}},

	// 4
	{name: "routing key, headers and bodies", run: func(s *session) {
		q := s.NewQueue(s)
		headers := []Header{
			{"melding-id", "874f23b3-8022-4b57-b639-8c80fb270c9f"}, {"type", "no.ks.fiks.kvittering.ugyldigforespørsel.v1"},
			{"avsender-id", "b0c2b17f-13b0-4f5b-a2c3-8ee24fba2a25"}, {"avsender-navn", "Bærum kommune"},
			{"egendefinert-header.klientMeldingId", ""},
		}
		const frameMax = 131072
		sizes := []int{0, 1, frameMax - 8, frameMax - 7, 5 << 20}
		for _, n := range sizes {
			s.Publish(s, q, Message{Headers: headers, Expiration: "86400000", Body: pattern(n)})
		}
		ds := s.open(s.dial(), 2).consume(q, "")
		for range sizes {
			d := s.next(ds)
			same := "same bytes"
			if !bytes.Equal(d.Body, pattern(len(d.Body))) {
				same = "other bytes"
			}
			s.noteQueue(q, "%d %s, exchange %q, key %s, mode %d, expiration %s", len(d.Body), same, d.Exchange, d.RoutingKey, d.DeliveryMode, d.Expiration)
			for _, h := range headers {
				if v, ok := d.Headers[h.Name].(string); !ok || v != h.Value {
					s.Errorf("header %s is %#v", h.Name, d.Headers[h.Name])
				}
			}
			if len(d.Headers) != len(headers) {
				s.Errorf("headers %v", d.Headers)
			}
			s.must(d.Ack(false))
		}
	}, want: []string{
		`0 same bytes, exchange "", key QUEUE, mode 2, expiration 86400000`,
		`1 same bytes, exchange "", key QUEUE, mode 2, expiration 86400000`,
		`131064 same bytes, exchange "", key QUEUE, mode 2, expiration 86400000`,
		`131065 same bytes, exchange "", key QUEUE, mode 2, expiration 86400000`,
		`5242880 same bytes, exchange "", key QUEUE, mode 2, expiration 86400000`,
	}},
	{name: "header values are long strings", run: func(s *session) {
		q := s.NewQueue(s)
		s.Publish(s, q, Message{Headers: []Header{{"type", "t"}, {"melding-id", "m"}}})
		r := openRaw(s, s.Addr, s.Owner, 0)
		r.open(1)
		r.send(1, 60, 20, uint16(0), short(q), short(""), uint8(0), tab{})
		r.want("60.21")
		r.want("60.60")
		f, err := r.read()
		s.must(err)
		at := bytes.Index(f.payload, []byte("\x04typeS\x00\x00\x00\x01t"))
		s.note("type: %v, melding-id: %v", at > 0, bytes.Contains(f.payload, []byte("\x0amelding-idS\x00\x00\x00\x01m")))
	}, want: []string{"type: true, melding-id: true"}},

	// 5
	{name: "three nacks with requeue", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "x")
		ds := s.open(s.dial(), 10).consume(q, "")
		for range 3 {
			d := s.next(ds)
			s.note("%s", describe(d))
			s.must(d.Nack(false, true))
		}
		s.note("dead: %v", s.DeadLettered(s, q, 1))
		s.silent(ds)
	}, want: []string{"x", "x!", "x!", "dead: [x]"}},
	{name: "nack without requeue", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "a", "b", "c")
		ds := s.open(s.dial(), 1).consume(q, "")
		s.must(s.next(ds).Nack(false, false))
		s.must(s.next(ds).Reject(false))
		d := s.next(ds)
		s.note("%s", describe(d))
		s.must(d.Ack(false))
		s.silent(ds)
		s.note("dead: %v", s.DeadLettered(s, q, 0))
	}, want: []string{"c", "dead: []"}},
	{name: "three lost connections", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "x", "y")
		for i := range 3 {
			w := s.dial()
			ds := s.open(w, 10).consume(q, "")
			s.note("%s", s.many(ds, 2))
			if i == 1 {
				// A client that ends in order leaves its unacked just the same.
				s.must(w.Close())
			}
			w.cut()
		}
		s.note("dead: %v", s.DeadLettered(s, q, 2))
		s.silent(s.open(s.dial(), 10).consume(q, ""))
	}, want: []string{"x y", "x! y!", "x! y!", "dead: [x y]"}},
	{name: "three closed channels", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "x")
		w := s.dial()
		for range 3 {
			ch := s.open(w, 10)
			s.note("%s", s.many(ch.consume(q, ""), 1))
			s.must(ch.Close())
		}
		s.note("dead: %v", s.DeadLettered(s, q, 1))
	}, want: []string{"x", "x!", "x!", "dead: [x]"}},

	// 6
	{name: "unacked come back to the head in order", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2", "3", "4", "5", "6", "7")
		w := s.dial()
		ds := s.open(w, 5).consume(q, "")
		for i := range 5 {
			d := s.next(ds)
			if i == 2 {
				s.must(d.Ack(false))
			}
		}
		s.note("and %s", describe(s.next(ds)))
		s.cutFrom(w, q, 6)
		ds = s.open(s.dial(), 10).consume(q, "")
		s.note("%s", s.many(ds, 6))
		s.silent(ds)
	}, want: []string{"and 6", "1! 2! 4! 5! 6! 7"}},
	{name: "ack before a lost connection counts", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2")
		w := s.dial()
		ch := s.open(w, 10)
		ds := ch.consume(q, "")
		s.must(s.next(ds).Ack(false))
		s.next(ds)
		s.must(ch.Qos(10, 0, false)) // the server has read the ack
		w.cut()
		s.note("%s", s.many(s.open(s.dial(), 10).consume(q, ""), 1))
	}, want: []string{"2!"}},

	// 8
	{name: "recovery with the earlier consumer tag", run: func(s *session) {
		q := s.NewQueue(s)
		w := s.dial()
		s.open(w, 10).consume(q, "")
		w.cut()
		const tag = "amq.ctag-Zm9yIGV4YW1wbGUgb25seQ"
		ds := s.open(s.dial(), 10).consume(q, tag)
		s.texts(q, "x")
		d := s.next(ds)
		s.note("%s to %s", d.Body, d.ConsumerTag) // perhaps again, if the broker had not seen the cut
	}, want: []string{"x to amq.ctag-Zm9yIGV4YW1wbGUgb25seQ"}},

	// 9
	{name: "heartbeats", run: func(s *session) {
		r := openRaw(s, s.Addr, s.Owner, 1)
		r.open(1)
		start, beats := time.Now(), 0
		for {
			f, err := r.read()
			if err != nil {
				break
			}
			if f.typ == 8 {
				beats++
			}
		}
		took := time.Since(start)
		s.note("heartbeats came: %v; closed for silence within the bounds: %v", beats > 0, took > 1500*time.Millisecond && took < 6*time.Second)
	}, want: []string{"heartbeats came: true; closed for silence within the bounds: true"}},
	{name: "heartbeats keep a connection", run: func(s *session) {
		q := s.NewQueue(s)
		r := openRaw(s, s.Addr, s.Owner, 1)
		r.open(1)
		for range 8 { // four seconds, in which nothing but heartbeats is said
			f, err := r.read()
			s.must(err)
			if f.typ != 8 {
				s.Fatalf("got %s", f)
			}
			r.frame(8, 0, nil)
		}
		r.send(1, 60, 20, uint16(0), short(q), short(""), uint8(0), tab{})
		r.want("60.21")
		s.note("alive")
	}, want: []string{"alive"}},

	// 10 and the table of §6.3, with class and method ids.
	{name: "errors that close the channel", run: func(s *session) {
		q, foreign := s.NewQueue(s), s.ForeignQueue(s)
		const missing = "fiksio.konto.e0000000-0000-0000-0000-000000000000"
		r := openRaw(s, s.Addr, s.Owner, 0)
		try := func(what string, class, method uint16, args ...any) {
			r.open(1)
			r.send(1, class, method, args...)
			if class == 60 && method == 40 { // RabbitMQ looks when all of it has come
				r.frame(2, 1, []byte{0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0})
				r.frame(3, 1, []byte("x"))
			}
			got := strings.NewReplacer(q, "QUEUE", foreign, "FOREIGN", missing, "MISSING").Replace(r.next())
			s.note("%s: %s", what, got)
			if strings.HasPrefix(got, "20.40") {
				r.send(1, 20, 41)
			} else {
				r.send(1, 20, 40, uint16(200), short(""), uint16(0), uint16(0))
				r.want("20.41")
			}
		}
		consume := func(q string) []any { return []any{uint16(0), short(q), short(""), uint8(0), tab{}} }
		try("consume unknown", 60, 20, consume(missing)...)
		try("consume foreign", 60, 20, consume(foreign)...)
		try("get unknown", 60, 70, uint16(0), short(missing), uint8(0))
		try("get foreign", 60, 70, uint16(0), short(foreign), uint8(0))
		try("publish", 60, 40, uint16(0), short(""), short(q), uint8(0))
		try("publish to a named exchange", 60, 40, uint16(0), short("amq.direct"), short(q), uint8(0))
		try("declare", 50, 10, uint16(0), short(q), uint8(2), tab{})
		try("declare another", 50, 10, uint16(0), short(missing), uint8(2), tab{})
		try("passive declare unknown", 50, 10, uint16(0), short(missing), uint8(1), tab{})
		try("passive declare", 50, 10, uint16(0), short(q), uint8(1), tab{})
		try("bind", 50, 20, uint16(0), short(q), short("amq.direct"), short("k"), uint8(0), tab{})
		try("delete", 50, 40, uint16(0), short(q), uint8(0))
		try("exchange declare", 40, 10, uint16(0), short("x"), short("direct"), uint8(0), tab{})
		try("exchange declare passive", 40, 10, uint16(0), short("amq.direct"), short("direct"), uint8(1), tab{})
		try("exchange declare passive unknown", 40, 10, uint16(0), short("x"), short("direct"), uint8(1), tab{})
		try("exchange delete", 40, 20, uint16(0), short("x"), uint8(0))
		try("ack of unknown tag", 60, 80, uint64(99), uint8(0))
		try("ack of tag 0", 60, 80, uint64(0), uint8(0))
		try("multiple ack of unknown tag", 60, 80, uint64(99), uint8(1))
		try("nack of unknown tag", 60, 120, uint64(99), uint8(0))
		try("reject of unknown tag", 60, 90, uint64(99), uint8(0))
		try("confirm select", 85, 10, uint8(0))
	}, want: []string{
		`consume unknown: 20.40 404 "NOT_FOUND - no queue 'MISSING' in vhost '/'" (60/20)`,
		`consume foreign: 20.40 403 "ACCESS_REFUSED - access to queue 'FOREIGN' in vhost '/' refused for user 'OWNER'" (60/20)`,
		`get unknown: 20.40 404 "NOT_FOUND - no queue 'MISSING' in vhost '/'" (60/70)`,
		`get foreign: 20.40 403 "ACCESS_REFUSED - access to queue 'FOREIGN' in vhost '/' refused for user 'OWNER'" (60/70)`,
		`publish: 20.40 403 "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'OWNER'" (60/40)`,
		`publish to a named exchange: 20.40 403 "ACCESS_REFUSED - access to exchange 'amq.direct' in vhost '/' refused for user 'OWNER'" (60/40)`,
		`declare: 20.40 403 "ACCESS_REFUSED - access to queue 'QUEUE' in vhost '/' refused for user 'OWNER'" (50/10)`,
		`declare another: 20.40 403 "ACCESS_REFUSED - access to queue 'MISSING' in vhost '/' refused for user 'OWNER'" (50/10)`,
		`passive declare unknown: 20.40 404 "NOT_FOUND - no queue 'MISSING' in vhost '/'" (50/10)`,
		`passive declare: 50.11`,
		`bind: 20.40 403 "ACCESS_REFUSED - access to queue 'QUEUE' in vhost '/' refused for user 'OWNER'" (50/20)`,
		`delete: 20.40 403 "ACCESS_REFUSED - access to queue 'QUEUE' in vhost '/' refused for user 'OWNER'" (50/40)`,
		`exchange declare: 20.40 403 "ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'OWNER'" (40/10)`,
		`exchange declare passive: 40.11`,
		`exchange declare passive unknown: 20.40 404 "NOT_FOUND - no exchange 'x' in vhost '/'" (40/10)`,
		`exchange delete: 20.40 403 "ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'OWNER'" (40/20)`,
		`ack of unknown tag: 20.40 406 "PRECONDITION_FAILED - unknown delivery tag 99" (60/80)`,
		`ack of tag 0: 20.40 406 "PRECONDITION_FAILED - unknown delivery tag 0" (60/80)`,
		`multiple ack of unknown tag: 20.40 406 "PRECONDITION_FAILED - unknown delivery tag 99" (60/80)`,
		`nack of unknown tag: 20.40 406 "PRECONDITION_FAILED - unknown delivery tag 99" (60/120)`,
		`reject of unknown tag: 20.40 406 "PRECONDITION_FAILED - unknown delivery tag 99" (60/90)`,
		`confirm select: 85.11`,
	}},
	{name: "what others' queues tell", run: func(s *session) {
		foreign := s.ForeignQueue(s)
		_, err := s.open(s.dial(), 0).QueueDeclarePassive(foreign, true, false, false, false, nil)
		s.noteQueue(foreign, "passive declare: %s", errorText(err))
		_, err = s.open(s.dial(), 0).QueuePurge(s.NewQueue(s), false)
		s.note("purge of an own queue refused: %v", err != nil)
	}, want: []string{
		"passive declare: 403 ACCESS_REFUSED - access to queue 'QUEUE' in vhost '/' refused for user 'OWNER'",
		"purge of an own queue refused: true",
	}, rabbit: []string{"passive declare: <nil>", "purge of an own queue refused: false"},
		why: "RabbitMQ tells anybody how many messages a queue has, and lets who may read also purge; we refuse both"},
	{name: "refused login", run: func(s *session) {
		for _, announce := range []bool{true, false} {
			r := dialRaw(s, s.Addr)
			r.hello()
			r.login(Credentials{s.Owner.Name, "feil " + s.Owner.Password}, announce)
			s.note("capability announced %v: %s", announce, r.next())
		}
	}, want: []string{
		`capability announced true: 10.50 403 "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile." (0/0)`,
		`capability announced false: closed`,
	}},
	{name: "protocol header", run: func(s *session) {
		r := dialRaw(s, s.Addr)
		r.write([]byte("AMQP\x00\x01\x00\x00"))
		answer := make([]byte, 8)
		_, err := r.br.Read(answer)
		s.note("%q %v then %s", answer, err, r.next())
	}, want: []string{`"AMQP\x00\x00\t\x01" <nil> then closed`}},
	{name: "handshake limits", run: func(s *session) {
		try := func(channelMax uint16, frameMax uint32, vhost string) string {
			r := dialRaw(s, s.Addr)
			r.hello()
			r.login(s.Owner, true)
			r.want("10.30")
			r.send(0, 10, 31, channelMax, frameMax, uint16(0))
			r.send(0, 10, 40, short(vhost), short(""), uint8(0))
			return r.next()
		}
		s.note("vhost: %s", try(2047, 131072, "other"))
		s.note("frame max high: %s", try(2047, 131073, "/"))
		s.note("frame max low: %s", try(2047, 4095, "/"))
		s.note("channel max high: %s", try(2048, 131072, "/"))
		s.note("low: %s", try(1, 4096, "/"))
	}, want: []string{
		`vhost: 10.50 530 "NOT_ALLOWED - vhost other not found" (10/40)`,
		`frame max high: 10.50 530 "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum allowed value (131072)" (10/31)`,
		`frame max low: 10.50 530 "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed value (4096)" (10/31)`,
		`channel max high: 10.50 530 "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum allowed value (2047)" (10/31)`,
		`low: 10.41`,
	}, rabbit: []string{
		`vhost: 10.50 530 "NOT_ALLOWED - vhost other not found" (10/40)`,
		"frame max high: closed", "frame max low: closed", "channel max high: closed", "low: 10.41",
	}, why: "RabbitMQ hangs up after a refused tune-ok; we say why first, with the text of its log"},
	{name: "errors that close the connection", run: func(s *session) {
		q := s.NewQueue(s)
		try := func(what string, text bool, do func(r *raw)) {
			r := openRaw(s, s.Addr, s.Owner, 0)
			r.open(1)
			do(r)
			got := strings.ReplaceAll(r.next(), q, "QUEUE")
			if !text { // code and ids alone
				got = regexp.MustCompile(`"([A-Z_]+).*"`).ReplaceAllString(got, "$1")
			}
			s.note("%s: %s", what, got)
			_, _ = r.nc.Write([]byte{1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, 0xCE}) // close-ok, unless the peer is gone already
			s.note("then %s", r.next())
		}
		consume := []any{uint16(0), short(q), short("same"), uint8(0), tab{}}
		try("same consumer tag", true, func(r *raw) {
			r.send(1, 60, 20, consume...)
			r.want("60.21")
			r.send(1, 60, 20, consume...)
		})
		try("prefetch size", true, func(r *raw) { r.send(1, 60, 10, uint32(1), uint16(0), uint8(0)) })
		try("second channel.open", true, func(r *raw) { r.send(1, 20, 10, short("")) })
		try("method on a closed channel", true, func(r *raw) { r.send(2, 60, 10, uint32(0), uint16(1), uint8(0)) })
		try("recover without requeue", true, func(r *raw) { r.send(1, 60, 110, uint8(0)) })
		try("body without publish", true, func(r *raw) { r.frame(3, 1, []byte("x")) })
		try("header without publish", true, func(r *raw) { r.frame(2, 1, make([]byte, 14)) })
		try("frame without end", false, func(r *raw) { r.write([]byte{1, 0, 1, 0, 0, 0, 4, 0, 60, 0, 10, 0}) })
	}, want: []string{
		`same consumer tag: 10.50 530 "NOT_ALLOWED - attempt to reuse consumer tag 'same'" (60/20)`, "then closed",
		`prefetch size: 10.50 540 "NOT_IMPLEMENTED - prefetch_size!=0 (1)" (60/10)`, "then closed",
		`second channel.open: 10.50 504 "CHANNEL_ERROR - second 'channel.open' seen" (20/10)`, "then closed",
		`method on a closed channel: 10.50 504 "CHANNEL_ERROR - expected 'channel.open'" (60/10)`, "then closed",
		`recover without requeue: 10.50 540 "NOT_IMPLEMENTED - requeue=false" (60/110)`, "then closed",
		`body without publish: 10.50 505 "UNEXPECTED_FRAME - expected method frame, got non method frame instead" (0/0)`, "then closed",
		`header without publish: 10.50 505 "UNEXPECTED_FRAME - expected method frame, got non method frame instead" (0/0)`, "then closed",
		`frame without end: 10.50 501 FRAME_ERROR (0/0)`, "then closed",
	}},
	{name: "garbage", run: func(s *session) {
		try := func(what string, do func(r *raw)) {
			r := openRaw(s, s.Addr, s.Owner, 0)
			r.open(1)
			do(r)
			s.note("%s: %s", what, regexp.MustCompile(`".*"`).ReplaceAllString(r.next(), "…"))
		}
		try("unknown method", func(r *raw) { r.send(1, 60, 99) })
		try("arguments cut short", func(r *raw) { r.send(1, 60, 80, uint8(0)) })
		try("unknown frame type", func(r *raw) { r.frame(7, 1, nil) })
		try("frame too large", func(r *raw) { r.frame(1, 1, make([]byte, 131072)) })
		try("transactions", func(r *raw) { r.send(1, 90, 10) })
		try("flow off", func(r *raw) { r.send(1, 20, 20, uint8(0)) })
		try("flow on", func(r *raw) { r.send(1, 20, 20, uint8(1)) })
	}, want: []string{
		"unknown method: 10.50 503 … (60/99)",
		"arguments cut short: 10.50 502 … (60/80)",
		"unknown frame type: 10.50 501 … (0/0)",
		"frame too large: 10.50 501 … (0/0)",
		"transactions: 10.50 540 … (90/10)",
		"flow off: 20.21",
		"flow on: 20.21",
	}, rabbit: []string{
		"unknown method: closed",
		"arguments cut short: 10.50 501 … (60/80)",
		"unknown frame type: 10.50 501 … (0/0)",
		"frame too large: closed",
		"transactions: 90.11",
		"flow off: 10.50 540 … (20/20)",
		"flow on: 20.21",
	}, why: "RabbitMQ has transactions, no flow, and hangs up on unknown methods and large frames without a word; AMQP asks for 503, and for 502 when arguments do not parse"},
	{name: "new secret", run: func(s *session) {
		r := openRaw(s, s.Addr, s.Owner, 0)
		r.send(0, 10, 70, long("hemmelig nyttToken"), short("renewed"))
		s.note("%s", r.next())
	}, want: []string{"10.71"}},

	{name: "multiple", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2", "3", "4", "5", "6", "7", "8")
		w := s.dial()
		ch := s.open(w, 0)
		ds := ch.consume(q, "")
		s.note("%s", s.many(ds, 8))
		s.must(ch.Nack(1, false, false))
		s.must(ch.Ack(3, true))
		s.must(ch.Nack(5, true, false))
		s.must(ch.Nack(7, true, true))
		s.note("back: %s", s.many(ds, 2))
		s.must(ch.Ack(0, true))
		s.must(ch.Close())
		s.silent(s.open(w, 0).consume(q, ""))
	}, want: []string{"1 2 3 4 5 6 7 8", "back: 6! 7!"}},
	{name: "nack with requeue goes before the next", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2")
		ds := s.open(s.dial(), 1).consume(q, "")
		s.must(s.next(ds).Nack(false, true))
		d := s.next(ds)
		s.note("%s", describe(d))
		s.must(d.Reject(true))
		d = s.next(ds)
		s.note("%s", describe(d))
		s.must(d.Ack(false))
		s.note("%s", s.many(ds, 1))
	}, want: []string{"1!", "1!", "2"}},
	{name: "two consumers take turns", run: func(s *session) {
		q := s.NewQueue(s)
		a := s.open(s.dial(), 10).consume(q, "a")
		b := s.open(s.dial(), 10).consume(q, "b")
		s.texts(q, "1", "2", "3", "4", "5", "6")
		got := s.gather(6, a, b)
		s.note("%d to the first", strings.Count(strings.Join(got, " "), "1:"))
	}, want: []string{"3 to the first"}},
	{name: "a full consumer leaves the rest to the other", run: func(s *session) {
		q := s.NewQueue(s)
		w := s.dial()
		a := s.open(w, 1).consume(q, "a")
		b := s.open(w, 10).consume(q, "b")
		s.texts(q, "1", "2", "3", "4")
		s.note("%v", s.gather(4, a, b)[:1])
	}, want: []string{"[1:1]"}},
	{name: "exclusive", run: func(s *session) {
		q := s.NewQueue(s)
		w := s.dial()
		_, err := s.open(w, 0).Consume(q, "x", false, true, false, false, nil)
		s.must(err)
		_, err = s.open(w, 0).Consume(q, "y", false, false, false, false, nil)
		s.noteQueue(q, "%s", errorText(err))
	}, want: []string{"403 ACCESS_REFUSED - queue 'QUEUE' in vhost '/' in exclusive use"}, rabbit: []string{"<nil>"},
		why: "RabbitMQ's quorum queues pay no heed to exclusive; its classic queues do, with this text"},
	{name: "priority", run: func(s *session) {
		q := s.NewQueue(s)
		w := s.dial()
		low := s.open(w, 10).consume(q, "low")
		high, err := s.open(w, 2).Consume(q, "high", false, false, false, false, client.Table{"x-priority": int32(5)})
		s.must(err)
		s.texts(q, "1", "2", "3")
		s.note("%v", s.gather(3, high, low))
	}, want: []string{"[1:1 1:2 2:3]"}},
	{name: "no-ack", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2", "3")
		w := s.dial()
		ch := s.open(w, 1)
		ds, err := ch.Consume(q, "", true, false, false, false, nil)
		s.must(err)
		s.note("%s", s.many(ds, 3))
		s.must(w.Close())
		s.silent(s.open(s.dial(), 0).consume(q, ""))
	}, want: []string{"1 2 3"}},
	{name: "get", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2", "3")
		ch := s.open(s.dial(), 0)
		get := func() client.Delivery {
			d, ok, err := ch.Get(q, false)
			s.must(err)
			if !ok {
				s.note("empty")
			} else {
				s.note("%s, %d left, tag %d", describe(d), d.MessageCount, d.DeliveryTag)
			}
			return d
		}
		d := get()
		s.must(d.Nack(false, true))
		d = get()
		s.must(d.Ack(false))
		get()
		get()
		get()
	}, want: []string{"1, 2 left, tag 1", "1!, 2 left, tag 2", "2, 1 left, tag 3", "3, 0 left, tag 4", "empty"}},
	{name: "recover", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2")
		ch := s.open(s.dial(), 10)
		ds := ch.consume(q, "")
		s.note("%s", s.many(ds, 2))
		s.must(ch.Recover(true))
		s.note("%s", s.many(ds, 2))
	}, want: []string{"1 2", "1! 2!"}},
	{name: "cancel", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1")
		ch := s.open(s.dial(), 10)
		ds := ch.consume(q, "tag")
		d := s.next(ds)
		s.must(ch.Cancel("tag", false))
		s.must(ch.Cancel("unknown", false))
		s.texts(q, "2")
		s.silent(ds)
		s.must(d.Ack(false)) // still ours
		s.note("%s", s.many(ch.consume(q, "tag"), 1))
	}, want: []string{"2"}},
	{name: "counts of a passive declare", run: func(s *session) {
		q := s.NewQueue(s)
		s.texts(q, "1", "2", "3")
		w := s.dial()
		ds := s.open(w, 1).consume(q, "")
		d := s.next(ds)
		ch := s.open(w, 0)
		count := func(what string, want int) {
			deadline := time.Now().Add(patience)
			for { // a quorum queue's counts lag behind
				info, err := ch.QueueDeclarePassive(q, true, false, false, false, nil)
				s.must(err)
				if info.Messages == want || time.Now().After(deadline) {
					s.note("%s: %d ready, %d consumers", what, info.Messages, info.Consumers)
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		}
		count("one held", 2)
		s.must(d.Ack(false))
		s.next(ds)
		count("next held", 1)
	}, want: []string{"one held: 2 ready, 1 consumers", "next held: 1 ready, 1 consumers"}},
	{name: "limit over a channel", run: func(s *session) {
		p, q := s.NewQueue(s), s.NewQueue(s)
		s.texts(p, "p1", "p2")
		s.texts(q, "q1", "q2")
		ch := s.open(s.dial(), 0)
		s.must(ch.Qos(2, 0, true))
		a, err := ch.Consume(p, "a", false, false, false, false, nil)
		if err != nil {
			s.noteQueue(p, "%s", errorText(err))
			return
		}
		s.note("%s", s.many(a, 2)) // first, or b might have one of the two places
		b := ch.consume(q, "b")
		s.silent(b)
		s.must(ch.Ack(0, true))
		s.note("%s", s.many(b, 2))
	}, want: []string{"p1 p2", "q1 q2"},
		rabbit: []string{"540 NOT_IMPLEMENTED - queue 'QUEUE' in vhost '/' does not support global qos"},
		why:    "RabbitMQ's quorum queues have no limit over a whole channel; we do"},
	{name: "flow stops deliveries", run: func(s *session) {
		q := s.NewQueue(s)
		w := s.dial()
		ch := s.open(w, 10)
		ds := ch.consume(q, "")
		if err := ch.Flow(false); err != nil {
			s.note("%s", errorText(err))
			return
		}
		s.texts(q, "1")
		s.silent(ds)
		s.must(ch.Flow(true))
		s.note("%s", s.many(ds, 1))
	}, want: []string{"1"}, rabbit: []string{"540 NOT_IMPLEMENTED - active=false"},
		why: "RabbitMQ gave up on flow from clients; we keep to AMQP 0-9-1"},
	{name: "many channels", run: func(s *session) {
		w := s.dial()
		var last <-chan client.Delivery
		var q string
		for range 60 {
			q = s.NewQueue(s)
			last = s.open(w, 10).consume(q, "")
		}
		s.texts(q, "x")
		s.note("%s", s.many(last, 1))
		ch, err := w.Channel()
		s.must(err)
		s.must(ch.Close())
		s.must(w.Close())
	}, want: []string{"x"}},
}

var sequenceNotes = []string{
	"channel-max 2047, frame-max 131072, heartbeat 1m0s",
	"capabilities true true true true true true true true true",
	"server-made tag: true",
	"hei to the right tag: true, tag 1, key QUEUE",
	"channel closed, connection closed",
	"nothing left",
}

func (s *session) sequence(secure bool) {
	q := s.NewQueue(s)
	w := s.dialAs(s.Owner, secure)
	s.note("channel-max %d, frame-max %d, heartbeat %v", w.Config.ChannelMax, w.Config.FrameSize, w.Config.Heartbeat)
	capabilities, _ := w.Properties["capabilities"].(client.Table)
	var list []string
	for _, name := range []string{"publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
		"connection.blocked", "consumer_priorities", "authentication_failure_close", "per_consumer_qos", "direct_reply_to"} {
		list = append(list, fmt.Sprint(capabilities[name]))
	}
	s.note("capabilities %s", strings.Join(list, " "))

	// The Go client makes tags itself; RabbitMQ's and ours are seen on the raw wire.
	r := openRaw(s, s.Addr, s.Owner, 60)
	r.open(1)
	r.send(1, 60, 10, uint32(0), uint16(10), uint8(0))
	r.want("60.11")
	r.send(1, 60, 20, uint16(0), short(q), short(""), uint8(0), tab{})
	f := r.want("60.21")
	made := string(f.payload[5:])
	s.note("server-made tag: %v", regexp.MustCompile(`^amq\.ctag-[A-Za-z0-9_-]{22}$`).MatchString(made))
	r.send(0, 10, 50, uint16(200), short("bye"), uint16(0), uint16(0))
	r.want("10.51")

	ch := s.open(w, 10)
	ds := ch.consume(q, made)
	s.texts(q, "hei")
	d := s.next(ds)
	s.noteQueue(q, "%s to the right tag: %v, tag %d, key %s", describe(d), d.ConsumerTag == made, d.DeliveryTag, d.RoutingKey)
	s.must(d.Ack(false))
	s.must(ch.Close())
	s.must(w.Close())
	s.note("channel closed, connection closed")
	_, ok, err := s.open(s.dial(), 0).Get(q, false)
	s.must(err)
	if !ok {
		s.note("nothing left")
	}
}

// pattern is a body of n bytes that shows every displacement.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := 0; i+4 <= n; i += 4 {
		binary.BigEndian.PutUint32(b[i:], uint32(i)*2654435761)
	}
	if n%4 != 0 {
		b[n-1] = byte(n)
	}
	return b
}
