//go:build amd64 && !purego

package aescbc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// encrypter is AES-256 in CBC mode.
type encrypter struct {
	schedule [60]uint32 // round keys
	last     [aes.BlockSize]byte
}

// fast returns nil where there is nothing faster than the standard library.
func fast(key, iv []byte) cipher.BlockMode {
	if len(key) != 32 || !cpu.X86.HasAES {
		return nil
	}
	z := &encrypter{last: [aes.BlockSize]byte(iv)}
	// FIPS 197 §5.2, with words in the byte order of the processor.
	const nk = 8
	w := z.schedule[:]
	for i := range nk {
		w[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	for i := nk; i < len(w); i++ {
		t := w[i-1]
		switch i % nk {
		case 0:
			t = subWord(bits.RotateLeft32(t, -8)) ^ 1<<(i/nk-1)
		case 4:
			t = subWord(t)
		}
		w[i] = w[i-nk] ^ t
	}
	return z
}

func (z *encrypter) BlockSize() int { return aes.BlockSize }

// CryptBlocks encrypts src to dst, which may be the same but not otherwise overlap.
func (z *encrypter) CryptBlocks(dst, src []byte) {
	if len(src)%aes.BlockSize != 0 {
		panic("aescbc: input not full blocks")
	}
	if len(dst) < len(src) {
		panic("aescbc: output smaller than input")
	}
	if len(src) == 0 {
		return
	}
	encryptBlocks(&z.schedule, &z.last, &dst[0], &src[0], len(src)/aes.BlockSize)
}

// subWord puts each byte of w through the S-box, in constant time.
//
//go:noescape
func subWord(w uint32) uint32

// encryptBlocks encrypts at least one block, with the last block of ciphertext in
// *last before and after.
//
//go:noescape
func encryptBlocks(schedule *[60]uint32, last *[aes.BlockSize]byte, dst, src *byte, blocks int)
