// Package klokke is the platform's time: a clock that tests and the sandbox
// can move, Oslo time, and Norwegian working days. Every deadline is computed
// and fired by this clock, never by time.Now.
package klokke

import (
	"sync"
	"time"
)

// Klokke tells the time in UTC, with microsecond precision as it is stored.
type Klokke interface {
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now is the machine's time in UTC, cut to microseconds.
func (System) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Flyttbar is the machine's clock shifted by an offset that can grow; the
// sandbox uses it. The zero value runs with the machine.
type Flyttbar struct {
	mu     sync.RWMutex
	offset time.Duration
}

// Now is the shifted time in UTC.
func (f *Flyttbar) Now() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return System{}.Now().Add(f.offset)
}

// Sett makes Now answer t from this moment on.
func (f *Flyttbar) Sett(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset = t.Sub(System{}.Now())
}

// Offset is how far this clock runs ahead of the machine's.
func (f *Flyttbar) Offset() time.Duration {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.offset
}

// Manuell stands still until it is moved; tests use it.
type Manuell struct {
	mu  sync.RWMutex
	now time.Time
}

// NyManuell makes a clock that stands at t.
func NyManuell(t time.Time) *Manuell {
	return &Manuell{now: t.UTC().Truncate(time.Microsecond)}
}

// Now is where the clock stands, in UTC.
func (m *Manuell) Now() time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.now
}

// Sett moves the clock to t.
func (m *Manuell) Sett(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = t.UTC().Truncate(time.Microsecond)
}
