package filformat

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// grenser goes once over the bytes before anything is built of them. It refuses
// what would be dear to parse or to compare: size, nesting, and numbers such as
// 1e999999999, whose exact value (which the validator computes) fills the memory.
// It is no parser: what passes may still be faulty JSON.
func grenser(b []byte) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("større enn %d byte", MaxBytes)
	}
	if !utf8.Valid(b) {
		return errors.New("ikke UTF-8")
	}
	dybde := 0
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			i++
		case c == '{' || c == '[':
			if dybde++; dybde > MaxDybde {
				return fmt.Errorf("dypere enn %d nivåer", MaxDybde)
			}
			i++
		case c == '}' || c == ']':
			dybde--
			i++
		case c == '-' || c >= '0' && c <= '9':
			start, eksponent, iEksponent := i, 0, false
			for ; i < len(b) && tallTegn(b[i]); i++ {
				switch {
				case b[i]|0x20 == 'e':
					iEksponent = true
				case iEksponent && b[i] >= '0' && b[i] <= '9' && eksponent <= MaxEksponent:
					eksponent = eksponent*10 + int(b[i]-'0')
				}
			}
			if i-start > MaxTall || eksponent > MaxEksponent {
				return fmt.Errorf("for stort tall ved tegn %d", start+1)
			}
		default:
			i++
		}
	}
	return nil
}

func tallTegn(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'
}
