package organisasjon

import (
	"sync"
	"time"
)

// cacheMaks is how many answers one cache keeps; it is emptied when full.
const cacheMaks = 20_000

// cache remembers answers for a while. Its zero value is empty and ready.
type cache[K comparable, V any] struct {
	mu  sync.RWMutex
	gen uint64
	m   map[K]oppslag[V]
}

type oppslag[V any] struct {
	verdi    V
	fra, til time.Time // the clock can also be set back
}

// get finds an answer. gen is to be handed to put with the answer that is looked
// up when there is none.
func (c *cache[K, V]) get(k K, now time.Time) (v V, gen uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	o, ok := c.m[k]
	return o.verdi, c.gen, ok && now.Before(o.til) && !now.Before(o.fra)
}

// put keeps an answer, unless the cache was cleared since gen: the answer may
// then be from before what cleared it.
func (c *cache[K, V]) put(k K, gen uint64, v V, til time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	if c.m == nil || len(c.m) >= cacheMaks {
		c.m = map[K]oppslag[V]{}
	}
	c.m[k] = oppslag[V]{v, til.Add(-cacheTid), til}
}

// clear forgets everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	c.m = nil
}
