package main

import (
	"context"
	"flag"
	"fmt"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

func auditVerifyCommand() command {
	return command{
		name: "audit verify", summary: "Check that the audit log is whole and unchanged",
		help: `
Walks the whole chain of audit events of a platform that is stopped, and tells how
many there are, or which is the first that is changed or missing. Exits with 1 on a
break.

Example:
  knutepunkt audit verify --dir knutepunkt-data
`,
		setup: func(fs *flag.FlagSet) action {
			dir := dirFlag(fs)
			return func(ctx context.Context, t terminal, _ []string) error {
				return withRing(ctx, *dir, func(db *store.DB, ring *keys.Ring) error {
					return auditVerify(ctx, t, audit.NewService(db, ring, klokke.System{}))
				})
			}
		},
	}
}

func auditVerify(ctx context.Context, t terminal, log *audit.Service) error {
	res, err := log.Verify(ctx, func(n int64) { fmt.Fprintf(t.err, "%d events checked\n", n) })
	if err != nil {
		return err
	}
	if res.Brudd != 0 {
		return fmt.Errorf("BROKEN at event %d: %s (%d events before it are whole)", res.Brudd, res.Grunn, res.Antall)
	}
	fmt.Fprintf(t.out, "The audit log is whole: %d events.\n", res.Antall)
	return nil
}
