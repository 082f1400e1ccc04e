package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// platform is the backend that the platform itself uses: Fiks IO's queues in the
// database, each message sealed, each call durable. Queues are kontoer, made as
// messages come.
type platform struct {
	fiksio.Publiserende
	s   *fiksio.Service
	db  *store.DB
	org string

	mu    sync.Mutex
	kjent map[string]bool
}

func openPlatform(dir string) (p *platform, closeIt func() error, err error) {
	ctx, k := context.Background(), klokke.System{}
	db, err := store.Open(ctx, filepath.Join(dir, "knutepunkt.db"))
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err = db.Migrate(ctx, keys.Migrations(), blob.Migrations(), jobs.Migrations(), audit.Migrations(),
		organisasjon.Migrations(), dokumentlager.Migrations(), fiksio.Migrations()); err != nil {
		return nil, nil, err
	}
	ring, err := keys.OpenRing(ctx, db, k, make([]byte, keys.MasterSize))
	if err != nil {
		return nil, nil, err
	}
	files, err := blob.Files(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, nil, err
	}
	segments, err := blob.OpenSegments(filepath.Join(dir, "blobs", "segmenter"))
	if err != nil {
		return nil, nil, err
	}
	blobs := blob.NewStore(db, ring, k, files, segments)
	engine := jobs.New(db, k, nil)
	org := organisasjon.New(db, ring, k, audit.NewService(db, ring, k))
	s, err := fiksio.New(ctx, fiksio.Deps{DB: db, Klokke: k, Ring: ring, Blobs: blobs, Jobs: engine, Organisasjon: org,
		Dokumentlager: dokumentlager.NewService(db, ring, blobs, k, engine, org), Tilgang: org})
	if err != nil {
		return nil, nil, err
	}
	p = &platform{Publiserende: fiksio.Publiserende{Broker: s.Broker(nil)}, s: s, db: db, kjent: map[string]bool{}}
	err = db.Write(ctx, func(tx *store.Tx) error {
		o, err := org.OpprettOrganisasjon(ctx, tx, organisasjon.Organisasjon{Navn: "Benk", Type: "LEVERANDOR"})
		p.org = o.ID
		return err
	})
	return p, db.Close, err
}

func (p *platform) Login(context.Context, string, string) (amqp.User, error) {
	return amqp.User{Name: "bench"}, nil
}

func (p *platform) MayConsume(context.Context, amqp.User, string) error { return nil }

func (p *platform) Publish(ctx context.Context, msgs []amqp.Publishing) ([]int, error) {
	for i := range msgs {
		if err := p.queue(ctx, msgs[i].Queue); err != nil {
			return nil, fmt.Errorf("making queue: %w", err)
		}
	}
	return p.Publiserende.Publish(ctx, msgs)
}

func (p *platform) queue(ctx context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kjent[name] {
		return nil
	}
	p.kjent[name] = true
	return p.db.Write(ctx, func(tx *store.Tx) error {
		_, err := p.s.OpprettKonto(ctx, tx, fiksio.Konto{ID: strings.TrimPrefix(name, "fiksio.konto."), FiksOrgID: p.org, Navn: "Benk", Aktiv: true})
		return err
	})
}
