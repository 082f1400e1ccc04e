package asice

import "errors"

const maxBERDepth = 32

var errBER = errors.New("malformed BER")

// toDER rewrites one BER element so far that a DER parser can read it:
// indefinite lengths become definite, lengths minimal, constructed OCTET
// STRINGs primitive (X.690 §8). What is DER already comes out unchanged. Sets
// are not sorted and values not normalised.
func toDER(ber []byte) ([]byte, error) {
	der, rest, err := derElement(ber, 0)
	if err == nil && len(rest) > 0 {
		err = errBER
	}
	return der, err
}

const (
	tagOctetString            = 0x04
	tagConstructed            = 0x20
	tagConstructedOctetString = tagOctetString | tagConstructed
	indefinite                = -1
)

func derElement(b []byte, depth int) (der, rest []byte, err error) {
	tag, length, body, err := berHeader(b)
	if err != nil {
		return nil, nil, err
	}
	if depth > maxBERDepth || length > len(body) {
		return nil, nil, errBER
	}
	if length != indefinite {
		body, rest = body[:length], body[length:]
	}
	if tag[0]&tagConstructed == 0 {
		if length == indefinite {
			return nil, nil, errBER
		}
		return encodeElement(tag, body), rest, nil
	}
	var content []byte
	for {
		if length == indefinite && len(body) >= 2 && body[0] == 0 && body[1] == 0 {
			rest = body[2:]
			break
		}
		if length != indefinite && len(body) == 0 {
			break
		}
		var child []byte
		if child, body, err = derElement(body, depth+1); err != nil {
			return nil, nil, err
		}
		if tag[0] == tagConstructedOctetString { // only what is in the pieces counts
			if child[0] != tagOctetString {
				return nil, nil, errBER
			}
			if _, _, child, err = berHeader(child); err != nil {
				return nil, nil, err
			}
		}
		content = append(content, child...)
	}
	if tag[0] == tagConstructedOctetString {
		tag = []byte{tagOctetString}
	}
	return encodeElement(tag, content), rest, nil
}

// berHeader splits off the identifier and length octets. body is everything
// after them, not cut to the length.
func berHeader(b []byte) (tag []byte, length int, body []byte, err error) {
	n := 1
	if len(b) > 0 && b[0]&0x1f == 0x1f { // high tag number: up to the first octet without the top bit
		for n < len(b) && n < 4 && b[n]&0x80 != 0 {
			n++
		}
		n++
	}
	if len(b) < n+1 {
		return nil, 0, nil, errBER
	}
	tag, first, body := b[:n], b[n], b[n+1:]
	switch {
	case first < 0x80:
		return tag, int(first), body, nil
	case first == 0x80:
		return tag, indefinite, body, nil
	}
	octets := int(first & 0x7f)
	if octets > 4 || octets > len(body) {
		return nil, 0, nil, errBER
	}
	for _, o := range body[:octets] {
		length = length<<8 | int(o)
	}
	return tag, length, body[octets:], nil
}

func encodeElement(tag, content []byte) []byte {
	element := append([]byte(nil), tag...)
	n := len(content)
	switch {
	case n < 0x80:
		element = append(element, byte(n))
	case n < 1<<8:
		element = append(element, 0x81, byte(n))
	case n < 1<<16:
		element = append(element, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		element = append(element, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		element = append(element, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(element, content...)
}
