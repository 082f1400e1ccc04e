package fiksio

import (
	"sort"
	"sync"

	"knutepunkt/internal/fiksio/amqp"
)

// minneMaks bounds the memory of messages on their way to consumers, bytes.
const minneMaks = 32 << 20

// minne holds messages between the commit that stored them and the moment the
// listener asks for them, so that a waiting consumer costs no read. It is a
// shortcut only: what is not here is read from the database.
//
// It works because a message is in it only until it is first handed out: what
// is acked, requeued or delivered later is never found here.
type minne struct {
	maks int

	mu    sync.Mutex
	bytes int
	koer  map[string]*koMinne
}

// koMinne is one queue's: every message from fra on that is in the queue.
type koMinne struct {
	fra       int64
	meldinger []amqp.Message // by Seq
}

func newMinne(maks int) *minne { return &minne{maks: maks, koer: map[string]*koMinne{}} }

func vekt(m *amqp.Message) int {
	n := 200 + len(m.Body)
	for _, h := range m.Headers {
		n += 32 + len(h.Name) + len(h.Value)
	}
	return n
}

// venter tells whether something of the queue is here.
func (c *minne) venter(ko string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.koer[ko]
	return k != nil && len(k.meldinger) > 0
}

// leggTil takes a message that was just committed, in the order of commits.
// alene: nothing was before it in the queue. It is kept when it completes what is
// here, when nothing was before it, or when a consumer has read up to it.
func (c *minne) leggTil(ko string, seq int64, alene, konsumenter bool, lag func() amqp.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.koer[ko]
	if k == nil {
		if !alene && !konsumenter {
			return
		}
		k = &koMinne{fra: seq}
		c.koer[ko] = k
	}
	if alene {
		k.fra = 1
	}
	m := lag()
	v := vekt(&m)
	if c.bytes+v > c.maks {
		c.slett(ko, k)
		return
	}
	c.bytes += v
	k.meldinger = append(k.meldinger, m)
}

// hent answers as Broker.Ready does; false when it must be asked of the database.
// What it gives is forgotten.
func (c *minne) hent(ko string, after int64, limit int) ([]amqp.Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.koer[ko]
	if k == nil || after+1 < k.fra {
		return nil, false
	}
	i := sort.Search(len(k.meldinger), func(i int) bool { return k.meldinger[i].Seq > after })
	j := min(len(k.meldinger), i+limit)
	ut := k.meldinger[i:j:j]
	for n := range j {
		c.bytes -= vekt(&k.meldinger[n])
	}
	k.meldinger = k.meldinger[j:]
	k.fra = after + 1
	if len(ut) > 0 {
		k.fra = ut[len(ut)-1].Seq + 1
	}
	if len(k.meldinger) == 0 {
		k.meldinger = nil
	}
	return ut, true
}

// fjern forgets one message that is no longer in the queue.
func (c *minne) fjern(ko string, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.koer[ko]
	if k == nil {
		return
	}
	i := sort.Search(len(k.meldinger), func(i int) bool { return k.meldinger[i].Seq >= seq })
	if i < len(k.meldinger) && k.meldinger[i].Seq == seq {
		c.bytes -= vekt(&k.meldinger[i])
		k.meldinger = append(k.meldinger[:i:i], k.meldinger[i+1:]...)
	}
}

// glem forgets a queue.
func (c *minne) glem(ko string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slett(ko, c.koer[ko])
}

func (c *minne) slett(ko string, k *koMinne) {
	if k == nil {
		return
	}
	for i := range k.meldinger {
		c.bytes -= vekt(&k.meldinger[i])
	}
	delete(c.koer, ko)
}
