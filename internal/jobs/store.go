package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"knutepunkt/internal/store"
)

const columns = `id, kind, key, arg, run_at, attempt, last_error`

func scan(row interface{ Scan(...any) error }) (j Job, err error) {
	var runAt int64
	err = row.Scan(&j.ID, &j.Kind, &j.Key, &j.Arg, &runAt, &j.Attempt, &j.LastError)
	j.RunAt = store.Time(runAt)
	return j, err
}

func list(ctx context.Context, q store.Queryer, query string, args ...any) ([]Job, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var js []Job
	for rows.Next() {
		j, err := scan(rows)
		if err != nil {
			return nil, err
		}
		js = append(js, j)
	}
	return js, rows.Err()
}

func insert(ctx context.Context, tx *store.Tx, id int64, s Spec, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO jobs
		(id, kind, key, arg, state, run_at, attempt, last_error, lease_until, lease_owner, created)
		VALUES ($1, $2, $3, $4, 'waiting', $5, 0, '', 0, '', $6)
		ON CONFLICT (kind, key) WHERE state = 'waiting' AND key <> ''
		DO UPDATE SET run_at = CASE WHEN $7 AND jobs.run_at < excluded.run_at THEN jobs.run_at ELSE excluded.run_at END,
			arg = excluded.arg, attempt = 0, last_error = ''`,
		id, s.Kind, s.Key, s.Arg, store.Micros(s.RunAt), store.Micros(now), s.Tidligst)
	return err
}

func cancel(ctx context.Context, tx *store.Tx, kind, key string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE state = 'waiting' AND kind = $1 AND key = $2 AND key <> ''`, kind, key)
	return err
}

// free is the condition that no job of the same key is running.
const free = `(j.key = '' OR NOT EXISTS (SELECT 1 FROM jobs r WHERE r.state = 'running' AND r.kind = j.kind AND r.key = j.key))`

// lease is who holds a running job and until when.
type lease struct {
	owner string
	until time.Time
}

// claim takes up to limit due jobs of a kind, in order, and tells when the next
// free one is due (maxTime: none; 0: there may be more right now).
func claim(ctx context.Context, tx *store.Tx, kind string, now time.Time, limit int, l lease) (js []Job, next int64, err error) {
	js, err = list(ctx, tx, `UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = $4, lease_owner = $5
		WHERE id IN (SELECT j.id FROM jobs j WHERE j.state = 'waiting' AND j.kind = $1 AND j.run_at <= $2 AND `+free+`
			ORDER BY j.run_at, j.id LIMIT $3 + 0)
		RETURNING `+columns, kind, store.Micros(now), limit, store.Micros(l.until), l.owner)
	if err != nil {
		return nil, 0, fmt.Errorf("claiming: %w", err)
	}
	slices.SortFunc(js, func(a, b Job) int {
		if c := a.RunAt.Compare(b.RunAt); c != 0 {
			return c
		}
		return int(a.ID - b.ID)
	})
	if len(js) == limit {
		return js, 0, nil
	}
	err = tx.QueryRowContext(ctx, `SELECT j.run_at FROM jobs j WHERE j.state = 'waiting' AND j.kind = $1 AND `+free+`
		ORDER BY j.run_at, j.id LIMIT 1`, kind).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return js, maxTime, nil
	}
	return js, next, err
}

// claimOne takes the waiting job id; false when it is not there any more.
func claimOne(ctx context.Context, tx *store.Tx, id int64, l lease) (Job, bool, error) {
	j, err := scan(tx.QueryRowContext(ctx, `UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = $2, lease_owner = $3
		WHERE id = $1 AND state = 'waiting' RETURNING `+columns, id, store.Micros(l.until), l.owner))
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, nil
	}
	return j, err == nil, err
}

// earliest is the waiting job of one of the kinds that is due first; false when none waits.
func earliest(ctx context.Context, q store.Queryer, kinds []string) (Job, bool, error) {
	if len(kinds) == 0 {
		return Job{}, false, nil
	}
	in, args := placeholders(kinds)
	j, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+` FROM jobs WHERE state = 'waiting' AND kind IN (`+in+`)
		ORDER BY run_at, id LIMIT 1`, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, nil
	}
	return j, err == nil, err
}

func placeholders(values []string) (string, []any) {
	var b strings.Builder
	args := make([]any, len(values))
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
		args[i] = v
	}
	return b.String(), args
}

func remove(ctx context.Context, tx *store.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE id = $1`, id)
	return err
}

// putBack makes a running (or dead) job wait until runAt. When the same work
// was enqueued anew meanwhile, that stands and the old job is dropped.
func putBack(ctx context.Context, tx *store.Tx, id int64, runAt time.Time, attempt int, lastError string) error {
	res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'waiting', run_at = $2, attempt = $3, last_error = $4, lease_until = 0, lease_owner = ''
		WHERE id = $1 AND (key = '' OR NOT EXISTS
			(SELECT 1 FROM jobs w WHERE w.state = 'waiting' AND w.kind = jobs.kind AND w.key = jobs.key))`,
		id, store.Micros(runAt), attempt, lastError)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return remove(ctx, tx, id)
}

func bury(ctx context.Context, tx *store.Tx, id int64, lastError string) error {
	_, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'dead', last_error = $2, lease_until = 0, lease_owner = '' WHERE id = $1`, id, lastError)
	return err
}

// takeBack makes all running jobs wait again: one process owns the database, so
// at its start nothing can be running. Several nodes on one database would take
// back those whose lease has ended.
func takeBack(ctx context.Context, tx *store.Tx) (int64, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE state = 'running' AND key <> '' AND EXISTS
		(SELECT 1 FROM jobs w WHERE w.state = 'waiting' AND w.kind = jobs.kind AND w.key = jobs.key)`); err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'waiting', lease_until = 0, lease_owner = '' WHERE state = 'running'`)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
