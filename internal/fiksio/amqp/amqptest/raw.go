package amqptest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// raw is a client that says exactly what it is told, for what no
// well-behaved client says.
type raw struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

type (
	short string // shortstr
	long  string // longstr
	tab   []byte // the entries of a field table
)

// frame is one frame as received.
type frame struct {
	typ     uint8
	channel uint16
	payload []byte
}

// String names a method frame with what the error tables speak of.
func (f frame) String() string {
	if f.typ != 1 {
		return fmt.Sprintf("frame type %d", f.typ)
	}
	id := fmt.Sprintf("%d.%d", binary.BigEndian.Uint16(f.payload), binary.BigEndian.Uint16(f.payload[2:]))
	if id != "10.50" && id != "20.40" {
		return id
	}
	code, n := binary.BigEndian.Uint16(f.payload[4:]), int(f.payload[6])
	text := f.payload[7 : 7+n]
	return fmt.Sprintf("%s %d %q (%d/%d)", id, code, text,
		binary.BigEndian.Uint16(f.payload[7+n:]), binary.BigEndian.Uint16(f.payload[9+n:]))
}

func (f frame) id() string {
	if f.typ != 1 {
		return f.String()
	}
	return fmt.Sprintf("%d.%d", binary.BigEndian.Uint16(f.payload), binary.BigEndian.Uint16(f.payload[2:]))
}

func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &raw{t: t, nc: nc, br: bufio.NewReader(nc)}
}

// openRaw connects and logs in, with a heartbeat in seconds.
func openRaw(t testing.TB, addr string, c Credentials, heartbeat uint16) *raw {
	t.Helper()
	r := dialRaw(t, addr)
	r.hello()
	r.login(c, true)
	r.want("10.30")
	r.send(0, 10, 31, uint16(0x7FF), uint32(131072), heartbeat)
	r.send(0, 10, 40, short("/"), short(""), uint8(0))
	r.want("10.41")
	return r
}

func (r *raw) hello() {
	r.write([]byte("AMQP\x00\x00\x09\x01"))
	r.want("10.10")
}

// login sends start-ok.
func (r *raw) login(c Credentials, announce bool) {
	props := tab{}
	if announce {
		inner := append([]byte{28}, "authentication_failure_close"...)
		inner = append(inner, 't', 1)
		props = append(props, 12)
		props = append(props, "capabilities"...)
		props = append(props, 'F')
		props = binary.BigEndian.AppendUint32(props, uint32(len(inner)))
		props = append(props, inner...)
	}
	r.send(0, 10, 11, props, short("PLAIN"), long("\x00"+c.Name+"\x00"+c.Password), short("en_US"))
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	_ = r.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := r.nc.Write(b); err != nil {
		r.t.Fatalf("writing: %v", err)
	}
}

// send sends one method.
func (r *raw) send(channel, class, method uint16, args ...any) {
	r.t.Helper()
	be := binary.BigEndian
	b := be.AppendUint16(be.AppendUint16(nil, class), method)
	for _, a := range args {
		switch a := a.(type) {
		case uint8:
			b = append(b, a)
		case uint16:
			b = be.AppendUint16(b, a)
		case uint32:
			b = be.AppendUint32(b, a)
		case uint64:
			b = be.AppendUint64(b, a)
		case short:
			b = append(append(b, byte(len(a))), a...)
		case long:
			b = append(be.AppendUint32(b, uint32(len(a))), a...)
		case tab:
			b = append(be.AppendUint32(b, uint32(len(a))), a...)
		default:
			r.t.Fatalf("no encoding for %T", a)
		}
	}
	r.frame(1, channel, b)
}

func (r *raw) frame(typ uint8, channel uint16, payload []byte) {
	r.t.Helper()
	b := binary.BigEndian.AppendUint16([]byte{typ}, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	r.write(append(append(b, payload...), 0xCE))
}

// read reads one frame; io.EOF when the peer has closed.
func (r *raw) read() (frame, error) {
	_ = r.nc.SetReadDeadline(time.Now().Add(patience))
	head := make([]byte, 7)
	if _, err := io.ReadFull(r.br, head); err != nil {
		return frame{}, err
	}
	f := frame{typ: head[0], channel: binary.BigEndian.Uint16(head[1:])}
	f.payload = make([]byte, binary.BigEndian.Uint32(head[3:])+1)
	if _, err := io.ReadFull(r.br, f.payload); err != nil {
		return frame{}, err
	}
	if f.payload[len(f.payload)-1] != 0xCE {
		return frame{}, errors.New("frame without its end")
	}
	f.payload = f.payload[:len(f.payload)-1]
	return f, nil
}

// next reads the next frame that is no heartbeat, and describes it.
func (r *raw) next() string {
	for {
		f, err := r.read()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return "silence"
		case err != nil:
			return "closed"
		case f.typ != 8:
			return f.String()
		}
	}
}

// want reads the next frame and insists on its method.
func (r *raw) want(id string) frame {
	r.t.Helper()
	for {
		f, err := r.read()
		if err != nil {
			r.t.Fatalf("waiting for %s: %v", id, err)
		}
		if f.typ == 8 {
			continue
		}
		if f.id() != id {
			r.t.Fatalf("got %s, want %s", f, id)
		}
		return f
	}
}

// open opens a channel.
func (r *raw) open(channel uint16) {
	r.t.Helper()
	r.send(channel, 20, 10, short(""))
	r.want("20.11")
}

// OpenRaw connects, consumes queue on channel 1 without a limit, and hands the socket over: to
// one who never reads, or who no longer speaks AMQP.
func OpenRaw(t testing.TB, addr string, c Credentials, queue string) net.Conn {
	t.Helper()
	r := openRaw(t, addr, c, 0)
	r.open(1)
	r.send(1, 60, 20, uint16(0), short(queue), short(""), uint8(0), tab{})
	r.want("60.21")
	_ = r.nc.SetDeadline(time.Time{})
	return r.nc
}
