package amqp

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xCE

	// frameOverhead is what a frame has around its payload.
	frameOverhead = 8
	// frameMaxDefault is offered in tune and is the limit until then: a
	// start-ok carries a token of several kilobytes.
	frameMaxDefault = 131072
	// frameMinMax is the smallest frame-max that a client may ask for.
	frameMinMax = 4096
	// readBuffer holds one or more small frames; larger ones are copied out.
	readBuffer = 32 << 10
)

var protocolHeader = []byte("AMQP\x00\x00\x09\x01")

// frame is one frame as received. The payload is valid until the next read.
type frame struct {
	typ     uint8
	channel uint16
	payload []byte
}

// frameReader splits a byte stream into frames of at most max bytes.
type frameReader struct {
	br  *bufio.Reader
	max int // whole frame, overhead included
	buf []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{br: bufio.NewReaderSize(r, readBuffer), max: frameMaxDefault + frameOverhead}
}

// buffered tells whether a whole frame can be read without waiting.
func (r *frameReader) buffered() bool {
	n := r.br.Buffered()
	if n < frameOverhead {
		return false
	}
	head, err := r.br.Peek(7)
	return err == nil && uint64(n) >= uint64(binary.BigEndian.Uint32(head[3:]))+frameOverhead
}

// next reads one frame. A *protocolError tells what is wrong with it; other
// errors are those of the reader below (io.EOF only between frames).
func (r *frameReader) next() (frame, error) {
	head, err := r.br.Peek(7)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	f := frame{typ: head[0], channel: binary.BigEndian.Uint16(head[1:])}
	size64 := uint64(binary.BigEndian.Uint32(head[3:]))
	switch f.typ {
	case frameMethod, frameHeader, frameBody, frameHeartbeat:
	default:
		return frame{}, fault(codeFrameError, "unknown frame type %d", f.typ)
	}
	if size64 > uint64(r.max-frameOverhead) {
		return frame{}, fault(codeFrameError, "frame of %d octets is larger than the limit of %d", size64, r.max-frameOverhead)
	}
	size := int(size64)
	if total := size + frameOverhead; total <= r.br.Size() {
		b, err := r.br.Peek(total)
		if err != nil {
			return frame{}, unexpected(err)
		}
		f.payload = b[7 : 7+size]
		if b[total-1] != frameEnd {
			return frame{}, fault(codeFrameError, "type %d: invalid frame end marker received", f.typ)
		}
		_, _ = r.br.Discard(total) // all of it was peeked at, and stays until the next read
		return f, nil
	}
	_, _ = r.br.Discard(7)
	// Grow as octets arrive, so that a length alone costs nothing.
	r.buf = r.buf[:0]
	for len(r.buf) < size+1 {
		have, step := len(r.buf), min(size+1-len(r.buf), 32<<10)
		if cap(r.buf) < have+step {
			r.buf = append(make([]byte, 0, max(have+step, 2*have)), r.buf...)
		}
		r.buf = r.buf[:have+step]
		if _, err := io.ReadFull(r.br, r.buf[have:]); err != nil {
			return frame{}, unexpected(err)
		}
	}
	if r.buf[size] != frameEnd {
		return frame{}, fault(codeFrameError, "type %d: invalid frame end marker received", f.typ)
	}
	f.payload = r.buf[:size]
	return f, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// beginFrame appends a frame's head; endFrame fills in its length.
func beginFrame(b []byte, typ uint8, channel uint16) []byte {
	return append(b, typ, byte(channel>>8), byte(channel), 0, 0, 0, 0)
}

// endFrame completes the frame that begins at start.
func endFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start+3:], uint32(len(b)-start-7))
	return append(b, frameEnd)
}

// appendMethod appends a method frame; args appends its arguments.
func appendMethod(b []byte, channel uint16, id methodID, args func([]byte) []byte) []byte {
	start := len(b)
	b = beginFrame(b, frameMethod, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(id))
	if args != nil {
		b = args(b)
	}
	return endFrame(b, start)
}

func appendHeartbeat(b []byte) []byte {
	return append(b, frameHeartbeat, 0, 0, 0, 0, 0, 0, frameEnd)
}
