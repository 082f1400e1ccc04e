package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"

	"modernc.org/sqlite"
)

// request is one caller of Write on its way through the commit loop.
type request struct {
	ctx   context.Context
	fn    func(tx *Tx) error
	tx    *Tx
	reply chan reply
}

type reply struct {
	err   error
	panic any // of an OnCommit function: thrown again in the caller
}

// Write runs fn in a transaction and returns when it is durable (fsynced), or
// with fn's error and nothing written; all that fn saw is durable then, too. Concurrent calls share one commit, each
// under its own savepoint; fn therefore runs on the one writer: it does SQL
// and nothing slow (no network, file or crypto of more than microseconds), and
// must not call Write again. A panic in fn is returned as an error. When ctx
// ends before fn was started, its error is returned and fn never runs; a
// started fn is always seen to its end.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, fn: fn, reply: make(chan reply, 1)}
	select {
	case <-db.closing:
		return ErrClosed
	default:
	}
	select {
	case db.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.closing:
		return ErrClosed
	}
	select {
	case rep := <-r.reply:
		return rep.result()
	case <-db.done:
		// The loop ended; it may have answered just before.
		select {
		case rep := <-r.reply:
			return rep.result()
		default:
			return ErrClosed
		}
	}
}

func (r reply) result() error {
	if r.panic != nil {
		panic(r.panic)
	}
	return r.err
}

// commitLoop owns the writing connection: it takes all requests that wait, runs
// them in one transaction, and answers them after its commit.
func (db *DB) commitLoop() {
	defer close(db.done)
	defer func() {
		if db.copied != nil {
			<-db.copied
		}
	}()
	batch := make([]*request, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case r := <-db.requests:
			batch = append(batch, r)
		case <-db.closing:
			select { // what came in before Close is still done
			case r := <-db.requests:
				batch = append(batch, r)
			default:
				return
			}
		}
	fill:
		for len(batch) < maxBatch {
			select {
			case r := <-db.requests:
				batch = append(batch, r)
			default:
				break fill
			}
		}
		db.commit(batch)
		db.copyBack()
	}
}

// copyBack keeps the write-ahead log short. Copying it back takes as long as many
// commits, so nearly all of it is done beside them; what they have written
// meanwhile is copied between two of them, and the next begins the log anew.
// Failures show at the commits: a log that is not copied back only grows.
func (db *DB) copyBack() {
	const checkpoint = "PRAGMA wal_checkpoint(PASSIVE)"
	_ = db.conn.Raw(func(c any) error {
		n, _, err := c.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, true)
		db.pages += n
		return err
	})
	select {
	case <-db.copied:
		_ = db.exec(checkpoint)
		db.pages, db.copied = 0, nil
	default:
		if db.pages < logPages || db.copied != nil {
			return
		}
		copied := make(chan struct{})
		db.copied = copied
		go func() {
			defer close(copied)
			_, _ = db.logDB.ExecContext(context.Background(), checkpoint)
		}()
	}
}

// commit runs a batch in one transaction. Statements get a background context:
// cancelling one would make SQLite roll back the whole transaction.
func (db *DB) commit(batch []*request) {
	if err := db.exec("BEGIN IMMEDIATE"); err != nil {
		answer(batch, fmt.Errorf("store: begin: %w", err))
		return
	}
	written := make([]*request, 0, len(batch))
	// A function that failed may have judged by what others of the batch wrote
	// («this reference is taken»). Its caller must not hear of that before it is
	// durable, and not at all when it never becomes so.
	var refused []refusal
	lost := func(err error, rest []*request) {
		answer(written, err)
		for _, f := range refused {
			f.r.reply <- reply{err: err}
		}
		answer(rest, err)
	}
	for i, r := range batch {
		if err := r.ctx.Err(); err != nil {
			r.reply <- reply{err: err}
			continue
		}
		r.tx = &Tx{db: db}
		if len(batch) == 1 {
			if err := r.tx.run(r.fn); err != nil {
				db.rollback()
				r.reply <- reply{err: err}
				return
			}
			written = append(written, r)
			break
		}
		err := db.exec("SAVEPOINT s")
		var fnErr error
		if err == nil {
			if fnErr = r.tx.run(r.fn); fnErr != nil {
				err = db.exec("ROLLBACK TO s")
			}
		}
		if err == nil {
			err = db.exec("RELEASE s")
		}
		if err != nil {
			// The engine gave up the whole transaction (disk full, I/O error).
			db.rollback()
			err = fmt.Errorf("store: transaction lost: %w", err)
			if fnErr != nil { // its text only: it may be a verdict on what is lost
				r.reply <- reply{err: fmt.Errorf("%w (%v)", err, fnErr)} //nolint:errorlint // only its text, as said
			} else {
				r.reply <- reply{err: err}
			}
			lost(err, batch[i+1:])
			return
		}
		switch {
		case fnErr == nil:
			written = append(written, r)
		case len(written) == 0: // it saw only what was durable before
			r.reply <- reply{err: fnErr}
		default:
			refused = append(refused, refusal{r, fnErr})
		}
	}
	if len(written) == 0 {
		db.rollback()
		return
	}
	for _, r := range written {
		if err := r.tx.runBefore(); err != nil {
			db.rollback()
			lost(fmt.Errorf("store: before the commit: %w", err), nil)
			return
		}
	}
	if err := db.exec("COMMIT"); err != nil {
		db.rollback()
		lost(fmt.Errorf("store: commit: %w", err), nil)
		return
	}
	for _, r := range written {
		r.reply <- reply{panic: r.tx.runHooks()}
	}
	for _, f := range refused {
		f.r.reply <- reply{err: f.err}
	}
}

// refusal is a request whose function failed, and how.
type refusal struct {
	r   *request
	err error
}

func answer(rs []*request, err error) {
	for _, r := range rs {
		r.reply <- reply{err: err}
	}
}

func (db *DB) exec(statement string) error {
	st, err := db.stmts.get(statement)
	if err != nil {
		return err
	}
	if st == nil { // the cache is full
		_, err = db.conn.ExecContext(context.Background(), statement)
		return err
	}
	_, err = st.ExecContext(context.Background())
	return err
}

// rollback ends the transaction, if the engine has not done so itself.
func (db *DB) rollback() { _ = db.exec("ROLLBACK") }

// Tx is one caller's part of a transaction.
type Tx struct {
	db     *DB
	over   bool // fn has returned: the transaction is no longer the caller's
	before []func() error
	hooks  []func()
}

func (tx *Tx) run(fn func(*Tx) error) (err error) {
	defer func() {
		tx.over = true
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

func (tx *Tx) runBefore() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: panic before a commit: %v\n%s", p, debug.Stack())
		}
	}()
	for _, fn := range tx.before {
		if err := fn(); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) runHooks() (panicked any) {
	defer func() { panicked = recover() }()
	for _, fn := range tx.hooks {
		fn()
	}
	return nil
}

func (tx *Tx) statement(query string) (*sql.Stmt, error) {
	if tx.over {
		return nil, fmt.Errorf("store: %w", sql.ErrTxDone)
	}
	return tx.db.stmts.get(query)
}

// ExecContext runs a statement in the transaction; statements are prepared once and kept.
// ctx does not interrupt it: a started transaction is seen to its end.
func (tx *Tx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	st, err := tx.statement(query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return tx.db.conn.ExecContext(context.Background(), query, args...)
	}
	return st.ExecContext(context.Background(), args...)
}

// QueryContext runs a query in the transaction. Close the rows before the next statement.
func (tx *Tx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := tx.statement(query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return tx.db.conn.QueryContext(context.Background(), query, args...)
	}
	return st.QueryContext(context.Background(), args...)
}

// QueryRowContext runs a query for at most one row in the transaction.
func (tx *Tx) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	st, err := tx.statement(query)
	switch {
	case tx.over:
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		return tx.db.readDB.QueryRowContext(ended, query) // a row that carries an error
	case st == nil || err != nil: // the row then carries the error
		return tx.db.conn.QueryRowContext(context.Background(), query, args...)
	}
	return st.QueryRowContext(context.Background(), args...)
}

// BeforeCommit registers fn to run after all functions that share the commit, and
// before it: it waits until what the transaction refers to outside the database is
// durable. When it fails, nothing of the commit is written, and every caller in it
// gets the error. It is not called when the caller's own function fails.
func (tx *Tx) BeforeCommit(fn func() error) { tx.before = append(tx.before, fn) }

// OnCommit registers fn to run after the commit is durable, in the order of
// registration (and of commits: hooks of an earlier transaction run before
// those of a later one), before Write returns. It is not called when the
// transaction fails. fn must be quick and must not call Write; all writers
// wait for it. A panic in it is thrown in the caller of Write.
func (tx *Tx) OnCommit(fn func()) { tx.hooks = append(tx.hooks, fn) }
