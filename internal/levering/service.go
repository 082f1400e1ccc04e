package levering

import (
	"context"

	"knutepunkt/internal/store"
)

// Service is the engine.
type Service struct{}

// Opprett stores a levering in IkkeSendt with its first job, in tx; it starts the
// moment tx commits.
func (s *Service) Opprett(ctx context.Context, tx *store.Tx, n Ny) error { return errNotBuilt }

// Bekreft records the receiver's confirmation. Idempotent; false when there is no
// levering with that id on that channel, or when it has moved on (a late
// receipt, which is written to the history and changes nothing).
func (s *Service) Bekreft(ctx context.Context, tx *store.Tx, kanal, leveranseID string) (bool, error) {
	return false, errNotBuilt
}

// Feilet records that the channel gave up: t is TTLTidsavbrudd,
// MaxRetriesavbrudd, SvarUtFeil, or IkkeSendt for a refusal by the receiver;
// the plan goes on. Idempotent as Bekreft.
func (s *Service) Feilet(ctx context.Context, tx *store.Tx, kanal, leveranseID string, t Tilstand, grunn string) (bool, error) {
	return false, errNotBuilt
}

// Hent finds a levering with its history, oldest first; feil.IkkeFunnet.
func (s *Service) Hent(ctx context.Context, q store.Queryer, id string) (Levering, []Historie, error) {
	return Levering{}, nil, errNotBuilt
}

// ForKilde finds the levering of a source's item; feil.IkkeFunnet.
func (s *Service) ForKilde(ctx context.Context, q store.Queryer, kilde, kildeID string) (Levering, error) {
	return Levering{}, errNotBuilt
}

// Dytt runs a waiting levering at once.
func (s *Service) Dytt(ctx context.Context, tx *store.Tx, id string) error { return errNotBuilt }

// ProvIgjen starts the plan anew for an item that is not at an end; av is the
// person who asked, for the history. feil.Konflikt at an end state.
func (s *Service) ProvIgjen(ctx context.Context, id, av string) error { return errNotBuilt }

// Stopp closes an item for good, by a named person with a reason.
func (s *Service) Stopp(ctx context.Context, id, av, grunn string) error { return errNotBuilt }

// RegistrerKanal and RegistrerKilde plug in what is above this floor. Before Start only.
func (s *Service) RegistrerKanal(k Kanal) {}

// RegistrerKilde plugs in the source of that name.
func (s *Service) RegistrerKilde(navn string, k Kilde) {}
