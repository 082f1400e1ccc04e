package filformat

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// Metadata is forsendelseMetadata.json: what tells the fagsystem which case a
// forsendelse belongs to (Digisos contract §2.2).
type Metadata struct {
	EksternRef        string       `json:"eksternRef"` // navEksternRefId of this forsendelse
	DigisosID         string       `json:"digisosId"`
	SoknadLeveranseID *LeveranseID `json:"soknadLeveranseId,omitempty"` // not with a søknad
	// KlageID is NAV's id of the klage, with a klage and what belongs to it. No
	// source has the field (§2.2 knows no klage); it joins the three together.
	KlageID string `json:"klageId,omitempty"`
}

// LeveranseID is how the søknad of the case was delivered.
type LeveranseID struct {
	SendtKanal string `json:"sendtKanal"` // FIKS_IO or SVARUT
	ID         string `json:"id"`         // melding-id or forsendelse-id, UUID
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Soknad checks the metadata by the rules of no.nav.digisos.soknad.v1 and
// encodes it.
func (m Metadata) Soknad() ([]byte, error) {
	if m.EksternRef == "" || !uuidForm.MatchString(m.DigisosID) || m.SoknadLeveranseID != nil || m.KlageID != "" {
		return nil, fmt.Errorf("metadata of %q breaks the schema of soknad.v1", m.DigisosID)
	}
	return json.Marshal(m)
}

// Ettersendelse checks the metadata by the rules of
// no.nav.digisos.ettersendelse.v1 and encodes it.
func (m Metadata) Ettersendelse() ([]byte, error) {
	if m.EksternRef == "" || !uuidForm.MatchString(m.DigisosID) || m.KlageID != "" || !m.SoknadLeveranseID.gyldig() {
		return nil, fmt.Errorf("metadata of %q breaks the schema of ettersendelse.v1", m.DigisosID)
	}
	return json.Marshal(m)
}

// Klage checks and encodes the metadata of a klage, of what is sent in to it
// later, and of its withdrawal.
func (m Metadata) Klage() ([]byte, error) {
	if m.EksternRef == "" || !uuidForm.MatchString(m.DigisosID) || !uuidForm.MatchString(m.KlageID) ||
		m.SoknadLeveranseID != nil && !m.SoknadLeveranseID.gyldig() {
		return nil, fmt.Errorf("metadata of %q is not that of a klage", m.DigisosID)
	}
	return json.Marshal(m)
}

func (l *LeveranseID) gyldig() bool {
	return l != nil && (l.SendtKanal == "FIKS_IO" || l.SendtKanal == "SVARUT") && uuidForm.MatchString(l.ID)
}
