package digisos

import (
	"bufio"
	"bytes"
	"io"
)

// oidEnvelopedData is 1.2.840.113549.1.7.3 with its DER tag and length.
var oidEnvelopedData = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03}

// erCMS tells whether r begins as CMS EnvelopedData, BER or DER. The reader to
// go on with is returned.
func erCMS(r io.Reader) (io.Reader, bool) {
	br := bufio.NewReader(r)
	start, _ := br.Peek(2 + 8 + len(oidEnvelopedData)) // tag, longest length, OID
	return br, len(start) > 0 && start[0] == 0x30 && bytes.Contains(start, oidEnvelopedData)
}
