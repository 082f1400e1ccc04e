package bekymringsmelding

import (
	"strings"

	"knutepunkt/internal/levering"
)

// Message types of the protocol (§12). There are no receipts of version 2.
const (
	typePrefiks = "no.ks.fiks.bekymringsmelding."
	typeMottatt = typePrefiks + "mottatt.v1"
	typeFeilet  = typePrefiks + "feilet.v1"
)

// Extra headers of the outgoing message, written under these names both as they are
// and as user headers of Fiks IO (§12, §18).
const (
	headerRessurs = "bydel-ressurs-id"
	headerMelding = "bekymringsmelding-id"
)

// avslag are the replies that refuse: the protocol's own, and those by which a Fiks
// IO client says of any message that it cannot read it. Others are ignored.
var avslag = []string{
	typeFeilet, "no.ks.fiks.kvittering.ugyldigforespoersel.v1", "no.ks.fiks.kvittering.ugyldigforespørsel.v1",
}

// meldingstype is that of the outgoing message: privat or offentlig, v1 or v2.
func (m Melding) meldingstype() string {
	return typePrefiks + strings.ToLower(string(m.Type)) + "." + strings.ToLower(string(m.Versjon))
}

// fiksIO is how the report goes over Fiks IO.
func (m Melding) fiksIO() levering.FiksIO {
	return levering.FiksIO{
		MottakerKontoID: m.KontoID,
		Meldingstype:    m.meldingstype(), Mottatt: typeMottatt, Avvist: avslag,
		Headere: map[string]string{headerRessurs: m.RessursID, headerMelding: m.ID},
	}
}
