package forvaltning

import "knutepunkt/internal/portal"

// What the tests beside the room look at, and nobody else.
const (
	UtenFiksIO = utenFiksIO
	SeOver     = seOver
)

var (
	FraFelt  = fraFelt
	Overlapp = overlapp

	Adressefelt       = adressefelt
	Adressesvar       = adressesvar
	FraAdressesvar    = fraAdressesvar
	SjekkKontoadresse = sjekkKontoadresse
)

// StegFelt are the fields of each step of the wizard.
func StegFelt(t portal.Tolk, kanaler []portal.Valg) (ut [][]portal.Feltdef) {
	for _, s := range stegFor(t, kanaler) {
		ut = append(ut, s.felt)
	}
	return ut
}
