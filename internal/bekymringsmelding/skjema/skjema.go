// Package skjema stands in until its own branch is merged.
package skjema

type Versjon string
type Type string

const (
	V1            Versjon = "V1"
	V2            Versjon = "V2"
	TypePrivat    Type    = "PRIVAT"
	TypeOffentlig Type    = "OFFENTLIG"
)
