package fiksio

import (
	"strings"
	"testing"

	client "github.com/rabbitmq/amqp091-go"

	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/store"
)

// BenchmarkPubliserLesKvitter moves messages of 512 bytes through a queue:
// published with confirms, consumed with prefetch 1000, acked one by one, all
// over AMQP and all durable.
func BenchmarkPubliserLesKvitter(b *testing.B) {
	h := nyttHus(b)
	_, addr, _, _ := h.lytt(b, Publiserende{h.Broker(innlogging{})})
	k := h.konto(b)
	const id = integrasjon
	h.gi(b, id, "SVARINN_KONTO", k.ID)
	dial := func() *client.Channel {
		c, err := client.DialConfig("amqp://"+addr, client.Config{SASL: []client.Authentication{&client.PlainAuth{Username: id, Password: "passord token"}}, Vhost: "/"})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		ch, err := c.Channel()
		if err != nil {
			b.Fatal(err)
		}
		return ch
	}
	inn, ut := dial(), dial()
	if err := ut.Qos(1000, 0, false); err != nil {
		b.Fatal(err)
	}
	ds, err := ut.Consume(Ko(k.ID), "", false, false, false, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := inn.Confirm(false); err != nil {
		b.Fatal(err)
	}
	bekreftet := inn.NotifyPublish(make(chan client.Confirmation, 4096))
	kropp := []byte(strings.Repeat("x", 512))
	b.SetBytes(512)
	b.ResetTimer()
	go func() {
		ute := 0
		for i := range b.N {
			if err := inn.PublishWithContext(b.Context(), "", Ko(k.ID), false, false, client.Publishing{DeliveryMode: 2, Expiration: "86400000",
				Headers: client.Table{"melding-id": "874f23b3-8022-4b57-b639-8c80fb270c9f", "type": "no.ks.fiks.test.v1"}, Body: kropp}); err != nil {
				return
			}
			for ute++; ute > 2000 || i == b.N-1 && ute > 0; ute-- {
				if c := <-bekreftet; !c.Ack {
					return
				}
			}
		}
	}()
	for i := range b.N {
		if err := (<-ds).Ack(false); err != nil {
			b.Fatal(i, err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "meldinger/s")
}

// BenchmarkSend accepts messages of 512 bytes as the REST endpoint does, from 64
// senders at once, each answered when its message is durable.
func BenchmarkSend(b *testing.B) {
	h := nyttHus(b)
	fra, til := h.konto(b), h.konto(b)
	n := &Nyttelast{storrelse: 512, kropp: make([]byte, 512)}
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := h.Service.DB.Write(b.Context(), func(tx *store.Tx) error {
				_, err := h.Send(b.Context(), tx, Utgaaende{AvsenderKontoID: fra.ID, MottakerKontoID: til.ID, Type: "no.ks.fiks.test.v1"}, n)
				return err
			}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "meldinger/s")
}

var _ amqp.Publisher = Publiserende{}

// BenchmarkLesKo reads a queue from the database, as for a consumer that comes late.
func BenchmarkLesKo(b *testing.B) {
	h := nyttHus(b)
	k := h.konto(b)
	pub := Publiserende{h.Broker(innlogging{})}
	kropp := make([]byte, 512)
	for range 20 {
		ms := make([]amqp.Publishing, 1000)
		for i := range ms {
			ms[i] = amqp.Publishing{Queue: Ko(k.ID), Body: kropp}
		}
		if _, err := pub.Publish(b.Context(), ms); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	n := 0
	for after := int64(0); n < b.N; {
		ms, err := pub.Ready(b.Context(), Ko(k.ID), after, 256)
		if err != nil {
			b.Fatal(err)
		}
		if after = 0; len(ms) == 256 {
			after = ms[255].Seq
		}
		n += len(ms)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "meldinger/s")
}

// BenchmarkKvitter acks messages 250 at a time.
func BenchmarkKvitter(b *testing.B) {
	h := nyttHus(b)
	k := h.konto(b)
	pub := Publiserende{h.Broker(innlogging{})}
	kropp := make([]byte, 512)
	for range (b.N + 999) / 1000 {
		ms := make([]amqp.Publishing, 1000)
		for i := range ms {
			ms[i] = amqp.Publishing{Queue: Ko(k.ID), Body: kropp}
		}
		if _, err := pub.Publish(b.Context(), ms); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for n := 0; n < b.N; {
		var refs []amqp.Ref
		for ; len(refs) < 250 && n < b.N; n++ {
			refs = append(refs, amqp.Ref{Queue: Ko(k.ID), Seq: int64(n + 1)})
		}
		if err := pub.Ack(b.Context(), refs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "meldinger/s")
}
