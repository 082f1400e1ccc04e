package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	maxBatch      = 256 // writes that share one commit at most
	maxStatements = 512 // prepared statements kept per handle

	// The write-ahead log is copied back after 32 MiB, not SQLite's 4 MiB, since
	// rows of 300 kB would otherwise mean a checkpoint every dozen.
	logPages = 8000
)

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("store: closed")

// DB is the database: one writer that commits concurrent requests together,
// and a pool of readers beside it.
type DB struct {
	lockDB  *sql.DB
	lock    *sql.Tx // holds <path>.lock as long as we live
	writeDB *sql.DB
	conn    *sql.Conn // the one writing connection, used by the commit loop only
	stmts   statements
	logDB   *sql.DB // copies the write-ahead log back, beside the commits
	readDB  *sql.DB
	reads   reader
	path    string

	requests chan *request
	closing  chan struct{} // closed by Close: no new requests
	pages    int           // written to the log since it was copied back; of the commit loop
	copied   chan struct{} // the copying that runs beside the commits has ended; nil: none runs
	done     chan struct{} // closed when the commit loop has ended
	once     sync.Once
	closeErr error
}

// dsn is the connection string for the file; every pragma is an "_pragma" value.
func dsn(path string, txlock string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas}
	if txlock != "" {
		q.Set("_txlock", txlock)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// Open opens (and creates) the SQLite database file at path, WAL, synchronous=FULL.
// A file that another DB (of this or another process) has open is refused: the
// file path+".lock" is held until Close, or until the process dies.
func Open(ctx context.Context, path string) (*DB, error) {
	db := &DB{
		path:     path,
		requests: make(chan *request, maxBatch),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	if err := db.open(ctx); err != nil {
		_ = db.closeHandles()
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	go db.commitLoop()
	return db, nil
}

// opprettPrivat makes a file that only its owner can read; SQLite's other files
// take over the mode. A file that exists is not opened: closing it would end
// the locks that this process may hold on it (POSIX advisory locks).
func opprettPrivat(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return f.Close()
}

func (db *DB) open(ctx context.Context) (err error) {
	for _, path := range []string{db.path, db.path + ".lock"} {
		if err := opprettPrivat(path); err != nil {
			return err
		}
	}
	// SQLite's own file locking works the same on every system, so the lock is
	// an empty SQLite file with an exclusive transaction that is never ended.
	if db.lockDB, err = sql.Open("sqlite", dsn(db.path+".lock", "exclusive", "busy_timeout(0)")); err != nil {
		return err
	}
	db.lockDB.SetMaxOpenConns(1)
	if db.lock, err = db.lockDB.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
		if code(err)&0xff == sqlite3.SQLITE_BUSY {
			return fmt.Errorf("already open in another process (%s.lock is held)", db.path)
		}
		return err
	}
	if db.writeDB, err = sql.Open("sqlite", db.writerDSN("FULL")); err != nil {
		return err
	}
	db.writeDB.SetMaxOpenConns(1)
	if db.conn, err = db.writeDB.Conn(ctx); err != nil {
		return err
	}
	db.stmts = statements{prepare: db.conn.PrepareContext}

	if db.logDB, err = sql.Open("sqlite", db.writerDSN("FULL")); err != nil {
		return err
	}
	db.logDB.SetMaxOpenConns(1)

	db.readDB, err = sql.Open("sqlite", dsn(db.path, "",
		"busy_timeout(10000)", "query_only(1)", "temp_store(MEMORY)", "cache_size(-2000)", "mmap_size(0)"))
	if err != nil {
		return err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	db.readDB.SetMaxOpenConns(readers)
	db.readDB.SetMaxIdleConns(readers)
	db.reads = reader{db: db.readDB, stmts: statements{prepare: db.readDB.PrepareContext}}
	return db.readDB.PingContext(ctx)
}

// writerDSN: the commits copy the log back themselves only when that beside them
// (copyBack) falls far behind.
func (db *DB) writerDSN(synchronous string) string {
	return dsn(db.path, "immediate",
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous("+synchronous+")", "foreign_keys(1)",
		"temp_store(MEMORY)", "cache_size(-8000)", "mmap_size(0)",
		fmt.Sprintf("wal_autocheckpoint(%d)", 4*logPages), "journal_size_limit(67108864)")
}

// Close waits for the running commit and closes.
func (db *DB) Close() error {
	db.once.Do(func() {
		close(db.closing)
		<-db.done
		db.closeErr = db.closeHandles()
	})
	return db.closeErr
}

func (db *DB) closeHandles() error {
	var errs []error
	if db.readDB != nil {
		db.reads.stmts.close()
		errs = append(errs, db.readDB.Close())
	}
	if db.conn != nil {
		db.stmts.close()
		errs = append(errs, db.conn.Close())
	}
	if db.logDB != nil {
		errs = append(errs, db.logDB.Close())
	}
	if db.writeDB != nil {
		errs = append(errs, db.writeDB.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Rollback())
	}
	if db.lockDB != nil {
		errs = append(errs, db.lockDB.Close())
	}
	return errors.Join(errs...)
}

// Migrate brings every room's tables up to date, in the order given. It may be
// called more than once, also while the database is in use.
func (db *DB) Migrate(ctx context.Context, rooms ...Migrations) error {
	// A handle of its own, since the writer's connection is taken. NORMAL is
	// enough: a migration lost with the power is run again at the next start,
	// and the first durable write after it makes it durable too.
	mdb, err := sql.Open("sqlite", db.writerDSN("NORMAL"))
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	defer mdb.Close()
	mdb.SetMaxOpenConns(1)
	for _, room := range rooms {
		files, err := fs.Sub(room.FS, "migrations")
		if err != nil {
			return fmt.Errorf("migrating %s: %w", room.Room, err)
		}
		p, err := goose.NewProvider(goose.DialectSQLite3, mdb, files,
			goose.WithTableName("goose_"+room.Room), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return fmt.Errorf("migrating %s: %w", room.Room, err)
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrating %s: %w", room.Room, err)
		}
	}
	return nil
}

// Read is for queries outside a transaction; it cannot write. A read that
// starts after Write returned sees what was written.
func (db *DB) Read() Queryer { return &db.reads }

// IsUnique tells whether err is a violation of a unique constraint.
func IsUnique(err error) bool {
	c := code(err)
	return c == sqlite3.SQLITE_CONSTRAINT_UNIQUE || c == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// code is SQLite's extended result code of err; 0 when it is none of SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// statements keeps prepared statements by their text. Text beyond the bound is
// not kept: rooms have a fixed set of queries, only built ones ("IN ($1, $2, …)")
// could grow without end.
type statements struct {
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	mu      sync.RWMutex
	byText  map[string]*sql.Stmt
}

// get is nil, nil when the statement should be run unprepared.
func (s *statements) get(query string) (*sql.Stmt, error) {
	s.mu.RLock()
	st, full := s.byText[query], len(s.byText) >= maxStatements
	s.mu.RUnlock()
	if st != nil || full {
		return st, nil
	}
	st, err := s.prepare(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.byText[query]; other != nil {
		_ = st.Close()
		return other, nil
	}
	if s.byText == nil {
		s.byText = map[string]*sql.Stmt{}
	}
	s.byText[strings.Clone(query)] = st
	return st, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.byText {
		_ = st.Close()
	}
	s.byText = nil
}

// reader runs statements on the pool of read-only connections.
type reader struct {
	db    *sql.DB
	stmts statements
}

func (r *reader) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.db.ExecContext(ctx, query, args...)
}

func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := r.stmts.get(query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return r.db.QueryContext(ctx, query, args...)
	}
	return st.QueryContext(ctx, args...)
}

func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := r.stmts.get(query)
	if st == nil || err != nil { // the row then carries the error
		return r.db.QueryRowContext(ctx, query, args...)
	}
	return st.QueryRowContext(ctx, args...)
}
