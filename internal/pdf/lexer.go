package pdf

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
)

// The values of PDF (ISO 32000-1, 7.3). Numbers, strings and keywords keep their
// spelling, so that they are written as they were read.
type (
	object  any    // one of these, or nil for null
	name    string // decoded, without the slash
	number  string
	text    string // with its delimiters
	keyword string // true or false
	ref     int    // the number of an indirect object; generations are of no use to a reader
	array   []object
	dict    []entry
	entry   struct {
		key   name
		value object
	}
	stream struct {
		dict       dict
		at, length int64 // of the raw bytes in the file
	}
)

// get gives the value of a key, nil when it is absent.
func (d dict) get(key name) object {
	for _, e := range d {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// window reads a file byte by byte through a small buffer. The first error of the file
// or of ctx ends it: from then on it seems to be at its end, and err tells why.
type window struct {
	ctx  context.Context
	file io.ReaderAt
	size int64
	err  error
	work int64 // bytes that may yet be read

	buf []byte
	at  int64 // place of buf in the file
}

const windowSize = 16 << 10

func newWindow(ctx context.Context, f io.ReaderAt, size, work int64) *window {
	return &window{ctx: ctx, file: f, size: size, work: work, buf: make([]byte, 0, windowSize)}
}

// at returns the byte at pos, or -1 where there is none.
func (w *window) byte(pos int64) int {
	if i := pos - w.at; i >= 0 && i < int64(len(w.buf)) {
		return int(w.buf[i])
	}
	if !w.fill(pos) {
		return -1
	}
	return int(w.buf[pos-w.at])
}

func (w *window) fill(pos int64) bool {
	if pos < 0 || pos >= w.size || w.err != nil {
		return false
	}
	if w.err = w.ctx.Err(); w.err != nil {
		return false
	}
	if w.work -= windowSize; w.work < 0 {
		w.err = errForKomplisert()
		return false
	}
	w.at = max(0, pos-256) // those who look back stay within
	n, err := w.file.ReadAt(w.buf[:min(windowSize, w.size-w.at)], w.at)
	w.buf = w.buf[:n]
	if pos-w.at < int64(n) {
		return true
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // shorter than it said
	}
	w.err = err
	return false
}

// lexer reads values from a window, not beyond end.
type lexer struct {
	w        *window
	pos, end int64
	nodes    int // values that may yet be made
}

// lex reads one object from pos on.
func (w *window) lex(pos int64) *lexer {
	return &lexer{w: w, pos: pos, end: min(w.size, pos+maxObject), nodes: maxNodes}
}

func (l *lexer) peek() int {
	if l.pos >= l.end {
		return -1
	}
	return l.w.byte(l.pos)
}

func isSpace(c int) bool { return c == 0 || c == 9 || c == 10 || c == 12 || c == 13 || c == 32 }

func isRegular(c int) bool {
	return c > 32 && c != '(' && c != ')' && c != '<' && c != '>' && c != '[' && c != ']' && c != '{' && c != '}' && c != '/' && c != '%'
}

// space skips white space and comments.
func (l *lexer) space() {
	for {
		switch c := l.peek(); {
		case isSpace(c):
			l.pos++
		case c == '%':
			for c := l.peek(); c >= 0 && c != '\n' && c != '\r'; c = l.peek() {
				l.pos++
			}
		default:
			return
		}
	}
}

// token reads regular characters, at most 1024 of them.
func (l *lexer) token() string {
	var b []byte
	for c := l.peek(); isRegular(c) && len(b) < 1024; c = l.peek() {
		b = append(b, byte(c))
		l.pos++
	}
	return string(b)
}

// word skips space and tells whether the word comes; only then is it read.
func (l *lexer) word(want string) bool {
	l.space()
	from := l.pos
	if l.token() == want {
		return true
	}
	l.pos = from
	return false
}

// integer skips space and reads a number of at most ten digits; else nothing is read.
func (l *lexer) integer() (int64, bool) {
	l.space()
	from := l.pos
	s := l.token()
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && len(s) <= 10 {
		return int64(n), true
	}
	l.pos = from
	return 0, false
}

// value reads one value.
func (l *lexer) value(depth int) (object, error) {
	if l.nodes--; l.nodes < 0 || depth > maxNesting {
		return nil, errForKomplisert()
	}
	l.space()
	switch c := l.peek(); {
	case c == '/':
		return l.name(), nil
	case c == '(':
		return l.literal()
	case c == '[':
		return l.array(depth)
	case c == '<':
		if l.pos++; l.peek() == '<' {
			l.pos++
			return l.dict(depth)
		}
		return l.hex()
	case c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.':
		return l.number(), nil
	}
	switch s := l.token(); s {
	case "null":
		return nil, nil
	case "true", "false":
		return keyword(s), nil
	default:
		return nil, errOdelagt("unexpected %.20q at %d", s, l.pos)
	}
}

func (l *lexer) name() name {
	l.pos++
	s := l.token()
	if !strings.Contains(s, "#") {
		return name(s)
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '#' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return name(b)
}

// number reads a number, or the reference that it begins.
func (l *lexer) number() object {
	nr, ok := l.integer()
	if !ok {
		return number(l.token())
	}
	after := l.pos
	if _, ok := l.integer(); ok && l.word("R") && nr < 1<<31 {
		return ref(nr)
	}
	l.pos = after
	return number(strconv.FormatInt(nr, 10))
}

func (l *lexer) literal() (object, error) {
	var b []byte
	for open := 0; ; {
		c := l.peek()
		if c < 0 {
			return nil, errOdelagt("a string has no end")
		}
		b = append(b, byte(c))
		l.pos++
		switch c {
		case '\\':
			if c = l.peek(); c >= 0 {
				b = append(b, byte(c))
				l.pos++
			}
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return text(b), nil
			}
		}
	}
}

func (l *lexer) hex() (object, error) {
	b := []byte{'<'}
	for {
		c := l.peek()
		if c < 0 || !isRegular(c) && !isSpace(c) && c != '>' {
			return nil, errOdelagt("a hexadecimal string has no end")
		}
		b = append(b, byte(c))
		l.pos++
		if c == '>' {
			return text(b), nil
		}
	}
}

func (l *lexer) array(depth int) (object, error) {
	l.pos++
	a := array{}
	for {
		if l.space(); l.peek() == ']' {
			l.pos++
			return a, nil
		}
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
}

func (l *lexer) dict(depth int) (object, error) {
	d := dict{}
	for {
		l.space()
		switch c := l.peek(); {
		case c == '>':
			if l.pos++; l.peek() != '>' {
				return nil, errOdelagt("a dictionary has no end")
			}
			l.pos++
			return d, nil
		case c != '/':
			return nil, errOdelagt("a dictionary has a key that is no name, at %d", l.pos)
		}
		key := l.name()
		if l.space(); l.peek() == '>' { // a key without a value is as none
			continue
		}
		v, err := l.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d = append(d, entry{key, v})
	}
}

// write gives the value as PDF, with references as renumber has them (0 is null).
func write(b *bytes.Buffer, o object, renumber func(ref) int) {
	switch o := o.(type) {
	case nil:
		b.WriteString("null")
	case name:
		writeName(b, o)
	case number:
		b.WriteString(string(o))
	case text:
		b.WriteString(string(o))
	case keyword:
		b.WriteString(string(o))
	case ref:
		if nr := renumber(o); nr > 0 {
			b.WriteString(strconv.Itoa(nr) + " 0 R")
		} else {
			b.WriteString("null")
		}
	case array:
		b.WriteByte('[')
		for i, v := range o {
			if i > 0 {
				b.WriteByte(' ')
			}
			write(b, v, renumber)
		}
		b.WriteByte(']')
	case dict:
		b.WriteString("<<")
		for _, e := range o {
			writeName(b, e.key)
			b.WriteByte(' ')
			write(b, e.value, renumber)
		}
		b.WriteString(">>")
	}
}

func writeName(b *bytes.Buffer, n name) {
	const hex = "0123456789ABCDEF"
	b.WriteByte('/')
	for i := range len(n) {
		if c := n[i]; c != '#' && c < 127 && isRegular(int(c)) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'#', hex[c>>4], hex[c&15]})
		}
	}
}
