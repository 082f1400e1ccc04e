package aescbc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// TestVectors are those of NIST SP 800-38A, F.2.1, F.2.3 and F.2.5.
func TestVectors(t *testing.T) {
	t.Parallel()
	const (
		iv    = "000102030405060708090a0b0c0d0e0f"
		plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	)
	for key, want := range map[string]string{
		"2b7e151628aed2a6abf7158809cf4f3c":                                 "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
		"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b":                 "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
	} {
		mode, err := NewEncrypter(unhex(key), unhex(iv))
		if err != nil {
			t.Fatal(err)
		}
		got := unhex(plain)
		mode.CryptBlocks(got[:16], got[:16]) // the chain goes on between calls
		mode.CryptBlocks(got[16:], got[16:])
		if hex.EncodeToString(got) != want {
			t.Errorf("key %s:\n got %x\nwant %s", key, got, want)
		}
	}
}

func unhex(s string) []byte {
	p, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return p
}

// TestLikeTheStandardLibrary: same ciphertext for any key, IV, content, cuts and
// alignment, in place or not, and not a byte beyond it.
func TestLikeTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(n int, name string) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
		key := bytesOf(rapid.SampledFrom([]int{16, 24, 32, 32, 32}).Draw(t, "key size"), "key")
		iv := bytesOf(aes.BlockSize, "IV")
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := NewEncrypter(key, iv)
		if err != nil {
			t.Fatal(err)
		}
		theirs := cipher.NewCBCEncrypter(block, iv)
		for range rapid.IntRange(1, 4).Draw(t, "calls") {
			n := rapid.IntRange(0, 40).Draw(t, "blocks") * aes.BlockSize
			shift := rapid.IntRange(0, 15).Draw(t, "shift")
			plain := bytesOf(n, "plain")
			want := make([]byte, n)
			theirs.CryptBlocks(want, plain)
			src := append(make([]byte, shift, shift+n+1), append(plain, 0xEE)...)[shift:]
			dst := src
			if rapid.Bool().Draw(t, "not in place") {
				dst = bytes.Repeat([]byte{0xEE}, n+1)
			}
			ours.CryptBlocks(dst, src[:n])
			if !bytes.Equal(dst[:n], want) || dst[n] != 0xEE {
				t.Fatalf("got %x, want %x and ee", dst, want)
			}
		}
	})
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	if _, err := NewEncrypter(make([]byte, 31), make([]byte, 16)); err == nil {
		t.Error("a key of 31 bytes was accepted")
	}
	if _, err := NewEncrypter(make([]byte, 32), make([]byte, 15)); err == nil {
		t.Error("an IV of 15 bytes was accepted")
	}
	for name, lengths := range map[string][2]int{"part of a block": {32, 17}, "too short an output": {16, 32}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			mode, err := NewEncrypter(make([]byte, 32), make([]byte, 16))
			if err != nil {
				t.Fatal(err)
			}
			mode.CryptBlocks(make([]byte, lengths[0], 100), make([]byte, lengths[1]))
		}()
	}
}

// BenchmarkEncrypt compares with the standard library.
func BenchmarkEncrypt(b *testing.B) {
	key, buf := make([]byte, 32), make([]byte, 128_000)
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	ours, err := NewEncrypter(key, make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	for name, mode := range map[string]cipher.BlockMode{"ours": ours, "crypto-cipher": cipher.NewCBCEncrypter(block, make([]byte, 16))} {
		b.Run(name+"/"+runtime.GOARCH, func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				mode.CryptBlocks(buf, buf)
			}
		})
	}
}
