package cms

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// maxUnwraps bounds the private key operations that one message can cause.
const maxUnwraps = 64

// candidate is an encrypted key that may be for one of our keys.
type candidate struct {
	rec *Recipient
	key *Key
}

// candidates pairs recipients with keys, the OAEP ones apart from the PKCS#1 v1.5
// ones.
func candidates(recipients []Recipient, keys []Key) (oaep, pkcs1 []candidate, err error) {
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("%w: no keys were given", ErrNoRecipient)
	}
	for k := range keys {
		key := &keys[k]
		pub, err := key.public()
		if err != nil {
			return nil, nil, err
		}
		for i := range recipients {
			rec := &recipients[i]
			if key.Certificate != nil && !rec.Matches(key.Certificate) {
				continue
			}
			if len(rec.encryptedKey) != pub.Size() {
				continue // for a key of another size
			}
			switch c := (candidate{rec, key}); {
			case len(oaep)+len(pkcs1) == maxUnwraps:
			case rec.oaep != nil:
				oaep = append(oaep, c)
			case rec.pkcs1:
				pkcs1 = append(pkcs1, c)
			}
		}
	}
	if len(oaep)+len(pkcs1) == 0 {
		var names []string
		for _, rec := range recipients[:min(len(recipients), 5)] {
			names = append(names, fmt.Sprintf("%s by %s", rec, rec.KeyAlgorithm))
		}
		return nil, nil, fmt.Errorf("%w (%d: %s)", ErrNoRecipient, len(recipients), strings.Join(names, ", "))
	}
	return oaep, pkcs1, nil
}

// unwrap finds the content key, n bytes long. The only failure is ErrDecrypt, and
// that only if no candidate is by PKCS#1 v1.5.
func unwrap(oaep, pkcs1 []candidate, n int) ([]byte, error) {
	for _, c := range oaep {
		p := c.rec.oaep
		key, err := c.key.Private.Decrypt(rand.Reader, c.rec.encryptedKey, &rsa.OAEPOptions{Hash: p.hash, MGFHash: p.mgf, Label: p.label})
		if err == nil && len(key) == n {
			return key, nil
		}
	}
	if len(pkcs1) == 0 {
		return nil, ErrDecrypt
	}
	return unwrapPKCS1(pkcs1, n), nil
}

// unwrapPKCS1 always gives a key, so that nothing tells whether a PKCS#1 v1.5
// encrypted key was well-formed (Bleichenbacher's attack, RFC 3218 §2.3): a
// substitute replaces the key of a malformed one, and decryption goes on to fail at
// the padding of the content. All candidates are always tried and the result is
// chosen in constant time.
func unwrapPKCS1(cs []candidate, n int) []byte {
	result := make([]byte, n)
	found := 0
	for i, c := range cs {
		key, ok := sessionKey(c, n)
		if i == 0 {
			copy(result, key) // the substitute, unless ok
		}
		subtle.ConstantTimeCopy(ok&^found, result, key)
		found |= ok
	}
	return result
}

// sessionKey unwraps one key. If that fails, it gives a substitute, and ok is 0
// instead of 1.
func sessionKey(c candidate, n int) (key []byte, ok int) {
	//lint:ignore SA1019 .NET senders encrypt the key like this; the session key mode is the safe one
	opts := &rsa.PKCS1v15DecryptOptions{SessionKeyLen: n}
	private, isSoft := c.key.Private.(*rsa.PrivateKey)
	if !isSoft {
		// The decrypter chooses its own random substitute; two that are alike are none.
		a, errA := c.key.Private.Decrypt(rand.Reader, c.rec.encryptedKey, opts)
		b, errB := c.key.Private.Decrypt(rand.Reader, c.rec.encryptedKey, opts)
		if errA != nil || errB != nil || len(a) != n {
			// Too large for the modulus, or a fault of the device that is not to tell
			// anything about the key.
			key = make([]byte, n)
			rand.Read(key) // never fails
			return key, 0
		}
		return a, subtle.ConstantTimeCompare(a, b)
	}
	key = substitute(private, c.rec.encryptedKey)[:n]
	before := append([]byte(nil), key...)
	//lint:ignore SA1019 as above
	if err := rsa.DecryptPKCS1v15SessionKey(nil, private, c.rec.encryptedKey, key); err != nil {
		return before, 0 // too large for the modulus, which anyone can see
	}
	return key, 1 - subtle.ConstantTimeCompare(key, before)
}

// substitute is the key to go on with when an encrypted key is malformed. It is
// unpredictable without the private key, but the same each time for the same
// encrypted key: otherwise sending a message twice would tell a substitute from a
// true key.
func substitute(private *rsa.PrivateKey, encryptedKey []byte) []byte {
	secret := sha256.Sum256(private.D.Bytes())
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("knutepunkt cms substitute key"))
	mac.Write(encryptedKey)
	return mac.Sum(nil)
}
