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
	SoknadLeveranseID *LeveranseID `json:"soknadLeveranseId,omitempty"` // ettersendelse only
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
	if m.EksternRef == "" || !uuidForm.MatchString(m.DigisosID) || m.SoknadLeveranseID != nil {
		return nil, fmt.Errorf("metadata of %q breaks the schema of soknad.v1", m.DigisosID)
	}
	return json.Marshal(m)
}

// Ettersendelse checks the metadata by the rules of
// no.nav.digisos.ettersendelse.v1 and encodes it.
func (m Metadata) Ettersendelse() ([]byte, error) {
	l := m.SoknadLeveranseID
	if m.EksternRef == "" || !uuidForm.MatchString(m.DigisosID) || l == nil ||
		(l.SendtKanal != "FIKS_IO" && l.SendtKanal != "SVARUT") || !uuidForm.MatchString(l.ID) {
		return nil, fmt.Errorf("metadata of %q breaks the schema of ettersendelse.v1", m.DigisosID)
	}
	return json.Marshal(m)
}
