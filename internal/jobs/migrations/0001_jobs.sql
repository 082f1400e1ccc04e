-- +goose Up
CREATE TABLE jobs (
    id          bigint  PRIMARY KEY,
    kind        text    NOT NULL,
    key         text    NOT NULL, -- '' = none
    arg         text    NOT NULL,
    state       text    NOT NULL CHECK (state IN ('waiting', 'running', 'dead')),
    run_at      bigint  NOT NULL,
    attempt     integer NOT NULL, -- runs begun
    last_error  text    NOT NULL,
    lease_until bigint  NOT NULL, -- while running: when another node may take it back
    lease_owner text    NOT NULL, -- while running: the process that runs it
    created     bigint  NOT NULL
);
CREATE UNIQUE INDEX jobs_key ON jobs (kind, key) WHERE state = 'waiting' AND key <> '';
CREATE INDEX jobs_kind_due ON jobs (kind, run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (kind, key) WHERE state = 'running';
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'dead';
