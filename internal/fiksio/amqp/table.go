package amqp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Limits on tables from clients. RabbitMQ's clients nest two deep and send some
// twenty entries.
const (
	maxTableDepth   = 8
	maxTableEntries = 4096
)

var (
	errShort    = errors.New("arguments end too early")
	errTrailing = errors.New("octets left over after the arguments")
)

// table is a field table with its entries in wire order.
type table []field

type field struct {
	name string
	// value is nil (V), bool (t), int8 (b), uint8 (B), int16 (s), uint16 (u),
	// int32 (I), uint32 (i), int64 (l), float32 (f), float64 (d), decimal (D),
	// string (S), []byte (x), time.Time (T), table (F) or []any (A): the types of
	// RabbitMQ's dialect.
	value any
}

type decimal struct {
	scale uint8
	value uint32
}

// lookup returns the value of the first entry called name, or nil.
func (t table) lookup(name string) any {
	for _, f := range t {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// decoder reads arguments from a frame's payload. The first fault sticks in
// err, after which everything reads as zero.
type decoder struct {
	b       []byte
	err     error
	entries int // table entries read, against maxTableEntries
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		if d.err == nil {
			d.err = errShort
		}
		d.b = nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) shortstr() string { return string(d.take(int(d.u8()))) }

func (d *decoder) longbytes() []byte {
	n := d.u32()
	if d.err == nil && uint64(n) > uint64(len(d.b)) {
		d.err = errShort
	}
	return d.take(int(n))
}

func (d *decoder) longstr() string { return string(d.longbytes()) }

func (d *decoder) table() table { return d.tableAt(1) }

func (d *decoder) tableAt(depth int) table {
	inner := decoder{b: d.longbytes(), err: d.err, entries: d.entries}
	t := inner.fields(depth)
	d.err, d.entries = inner.err, inner.entries
	return t
}

// fields reads entries until the end of d.
func (d *decoder) fields(depth int) table {
	var t table
	for len(d.b) > 0 && d.err == nil {
		f := field{name: d.shortstr()}
		f.value = d.value(depth)
		if d.err == nil {
			t = append(t, f)
		}
	}
	return t
}

func (d *decoder) value(depth int) any {
	if depth > maxTableDepth {
		d.err = errors.New("table nested too deep")
	}
	if d.entries++; d.entries > maxTableEntries {
		d.err = errors.New("table has too many entries")
	}
	if d.err != nil {
		return nil
	}
	switch typ := d.u8(); typ {
	case 't':
		return d.u8() != 0
	case 'b':
		return int8(d.u8())
	case 'B':
		return d.u8()
	case 's':
		return int16(d.u16())
	case 'u':
		return d.u16()
	case 'I':
		return int32(d.u32())
	case 'i':
		return d.u32()
	case 'l':
		return int64(d.u64())
	case 'f':
		return math.Float32frombits(d.u32())
	case 'd':
		return math.Float64frombits(d.u64())
	case 'D':
		return decimal{scale: d.u8(), value: d.u32()}
	case 'S':
		return d.longstr()
	case 'x':
		return append([]byte{}, d.longbytes()...)
	case 'T':
		return time.Unix(int64(d.u64()), 0).UTC()
	case 'V':
		return nil
	case 'F':
		return d.tableAt(depth + 1)
	case 'A':
		inner := decoder{b: d.longbytes(), err: d.err, entries: d.entries}
		list := []any{}
		for len(inner.b) > 0 && inner.err == nil {
			v := inner.value(depth + 1)
			if inner.err == nil {
				list = append(list, v)
			}
		}
		d.err, d.entries = inner.err, inner.entries
		return list
	default:
		if d.err == nil {
			d.err = fmt.Errorf("unknown field type %q", typ)
		}
		return nil
	}
}

// end checks that nothing is left and returns the first fault.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.err = errTrailing
	}
	return d.err
}

// appendShortstr writes at most 255 bytes of s; callers check what matters.
func appendShortstr(b []byte, s string) []byte {
	if len(s) > 255 {
		s = s[:255]
	}
	b = append(b, byte(len(s)))
	return append(b, s...)
}

func appendLongstr(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// appendSized writes what fill appends, preceded by its length.
func appendSized(b []byte, fill func([]byte) []byte) []byte {
	start := len(b)
	b = fill(append(b, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendTable(b []byte, t table) []byte {
	return appendSized(b, func(b []byte) []byte {
		for _, f := range t {
			b = appendShortstr(b, f.name)
			b = appendValue(b, f.value)
		}
		return b
	})
}

func appendValue(b []byte, v any) []byte {
	be := binary.BigEndian
	switch v := v.(type) {
	case nil:
		return append(b, 'V')
	case bool:
		if v {
			return append(b, 't', 1)
		}
		return append(b, 't', 0)
	case int8:
		return append(b, 'b', byte(v))
	case uint8:
		return append(b, 'B', v)
	case int16:
		return be.AppendUint16(append(b, 's'), uint16(v))
	case uint16:
		return be.AppendUint16(append(b, 'u'), v)
	case int32:
		return be.AppendUint32(append(b, 'I'), uint32(v))
	case uint32:
		return be.AppendUint32(append(b, 'i'), v)
	case int64:
		return be.AppendUint64(append(b, 'l'), uint64(v))
	case float32:
		return be.AppendUint32(append(b, 'f'), math.Float32bits(v))
	case float64:
		return be.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case decimal:
		return be.AppendUint32(append(b, 'D', v.scale), v.value)
	case string:
		return appendLongstr(append(b, 'S'), v)
	case []byte:
		return appendLongstr(append(b, 'x'), string(v))
	case time.Time:
		return be.AppendUint64(append(b, 'T'), uint64(v.Unix()))
	case table:
		return appendTable(append(b, 'F'), v)
	case []any:
		return appendSized(append(b, 'A'), func(b []byte) []byte {
			for _, e := range v {
				b = appendValue(b, e)
			}
			return b
		})
	default:
		panic(fmt.Sprintf("amqp: no field type for %T", v))
	}
}
