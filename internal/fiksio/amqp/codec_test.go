package amqp

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var everyType = table{
	{"bool", true}, {"int8", int8(-1)}, {"uint8", uint8(200)}, {"int16", int16(-300)}, {"uint16", uint16(60000)},
	{"int32", int32(math.MinInt32)}, {"uint32", uint32(math.MaxUint32)}, {"int64", int64(math.MinInt64)},
	{"float32", float32(1.5)}, {"float64", math.Pi}, {"decimal", decimal{2, 12345}}, {"string", "æøå"},
	{"bytes", []byte{0, 1}}, {"time", time.Unix(1_700_000_000, 0).UTC()}, {"void", nil},
	{"table", table{{"inner", table{{"deep", int32(1)}}}}}, {"array", []any{"a", int64(2), []any{}}},
}

func TestTableRoundTrip(t *testing.T) {
	t.Parallel()
	d := decoder{b: appendTable(nil, everyType)}
	got := d.table()
	if err := d.end(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everyType, got, cmp.AllowUnexported(field{}, decimal{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTableLimits(t *testing.T) {
	t.Parallel()
	nested := table{}
	for range maxTableDepth + 1 {
		nested = table{{"t", nested}}
	}
	wide := table{{"a", make([]any, maxTableEntries+1)}}
	for name, in := range map[string][]byte{
		"too deep":     appendTable(nil, nested),
		"too many":     appendTable(nil, wide),
		"unknown type": {0, 0, 0, 3, 1, 'x', '?'},
		"cut short":    appendTable(nil, everyType)[:40],
		"lying length": {255, 255, 255, 255, 0},
		"lying string": {0, 0, 0, 8, 1, 'x', 'S', 255, 255, 255, 255, 'a'},
	} {
		d := decoder{b: in}
		if d.table(); d.err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMessageHeaderRoundTrip(t *testing.T) {
	t.Parallel()
	m := Message{Size: 5 << 20, Expiration: "86400000", Headers: []Header{{"type", "x"}, {"melding-id", ""}}}
	b := appendContentHeader(nil, 7, &m)
	if len(b) != headerFrameSize(&m) {
		t.Errorf("frame of %d bytes, foretold %d", len(b), headerFrameSize(&m))
	}
	f, err := newFrameReader(bytes.NewReader(b)).next()
	if err != nil {
		t.Fatal(err)
	}
	h, e := decodeContentHeader(f.payload)
	if e != nil {
		t.Fatal(e)
	}
	want := contentHeader{size: 5 << 20, expiration: "86400000", headers: table{{"type", "x"}, {"melding-id", ""}}}
	if diff := cmp.Diff(want, h, cmp.AllowUnexported(contentHeader{}, field{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFrameReaderMemory(t *testing.T) {
	t.Parallel()
	// A frame that promises 128 KiB and brings little costs little.
	r := newFrameReader(bytes.NewReader([]byte{1, 0, 0, 0, 2, 0, 0, 1, 2, 3}))
	if _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if cap(r.buf) > 64<<10 {
		t.Errorf("%d bytes reserved", cap(r.buf))
	}
}

// FuzzFrame: whatever comes, frames are within the limit, and what was read, written
// again, is what came.
func FuzzFrame(f *testing.F) {
	f.Add(appendHeartbeat(nil))
	f.Add(appendStart(nil, "1"))
	f.Add(appendBody(nil, 1, bytes.Repeat([]byte("x"), 50_000), 8192))
	f.Add([]byte{1, 0, 0, 255, 255, 255, 255})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newFrameReader(bytes.NewReader(in))
		var again []byte
		for {
			fr, err := r.next()
			if err != nil {
				var e *protocolError
				if !errors.As(err, &e) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("unexpected error %v", err)
				}
				break
			}
			if len(fr.payload) > r.max-frameOverhead {
				t.Fatalf("frame of %d", len(fr.payload))
			}
			start := len(again)
			again = beginFrame(again, fr.typ, fr.channel)
			again = endFrame(append(again, fr.payload...), start)
		}
		if !bytes.HasPrefix(in, again) {
			t.Fatal("frames differ from what came")
		}
	})
}

// FuzzMethod: decoding never panics, reserves little, and refuses with 502 or 503 alone.
func FuzzMethod(f *testing.F) {
	payload := func(b []byte) []byte { return b[7 : len(b)-1] }
	f.Add(payload(appendMethod(nil, 0, connectionStartOk, func(b []byte) []byte {
		b = appendTable(b, everyType)
		b = appendShortstr(b, "PLAIN")
		b = appendLongstr(b, "\x00user\x00password token")
		return appendShortstr(b, "en_US")
	})))
	f.Add(payload(appendMethod(nil, 1, basicConsume, func(b []byte) []byte {
		b = append(b, 0, 0)
		b = appendShortstr(b, "fiksio.konto.x")
		b = append(appendShortstr(b, ""), 0)
		return appendTable(b, table{{"x-priority", int32(1)}})
	})))
	f.Add([]byte{0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0})
	f.Add([]byte{0, 90, 0, 10})
	f.Fuzz(func(t *testing.T, in []byte) {
		var m method
		if e := decodeMethod(in, &m); e != nil && e.code != codeSyntaxError && e.code != codeCommandInvalid {
			t.Fatalf("code %d", e.code)
		}
		_, _ = decodeContentHeader(in)
		_, _, _ = credentials("PLAIN", string(in))
		_, _, _ = credentials("AMQPLAIN", string(in))
	})
}

// FuzzTable: what can be read can be written and read again.
func FuzzTable(f *testing.F) {
	f.Add(appendTable(nil, everyType))
	f.Add(appendTable(nil, nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		d := decoder{b: in}
		got := d.table()
		if d.err != nil {
			return
		}
		again := decoder{b: appendTable(nil, got)}
		second := again.table()
		if err := again.end(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(appendTable(nil, got), appendTable(nil, second)) {
			t.Fatal("the table changed")
		}
	})
}

// TestUnackedList compares the list with the plainest thing that does the same.
func TestUnackedList(t *testing.T) {
	t.Parallel()
	q := &queue{}
	rapid.Check(t, func(t *rapid.T) {
		ch := &channel{}
		model := map[uint64]bool{}
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0, 1:
				ch.lastTag++
				ch.unacked.add(entry{tag: ch.lastTag, held: held{q, int64(ch.lastTag)}})
				model[ch.lastTag] = true
			default:
				tag := rapid.Uint64Range(0, ch.lastTag+1).Draw(t, "tag")
				multiple := rapid.Bool().Draw(t, "multiple")
				got, ok := ch.settle(tag, multiple, true, nil)
				want := 0
				wantOK := model[tag] || tag == 0 && multiple
				if wantOK {
					for m := range model {
						if m == tag || multiple && (tag == 0 || m < tag) {
							delete(model, m)
							want++
						}
					}
				}
				if ok != wantOK || len(got) != want {
					t.Fatalf("settle(%d, %v): %d %v, want %d %v", tag, multiple, len(got), ok, want, wantOK)
				}
				for i := 1; i < len(got); i++ {
					if got[i-1].tag >= got[i].tag {
						t.Fatal("out of order")
					}
				}
			}
			if ch.unacked.live != len(model) {
				t.Fatalf("%d live, want %d", ch.unacked.live, len(model))
			}
			if len(ch.unacked.entries) > 3*len(model)+200 {
				t.Fatalf("%d entries for %d live", len(ch.unacked.entries), len(model))
			}
		}
	})
}
