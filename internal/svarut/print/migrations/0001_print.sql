-- +goose Up
CREATE TABLE print_jobber (
    id             text   PRIMARY KEY, -- the job's id with the supplier
    leveranse_id   text   NOT NULL,    -- of levering; the first job's id is the same
    levering_id    text   NOT NULL,
    forsendelse_id text   NOT NULL,
    nr             int    NOT NULL,    -- of this leveranse, from 1: printed anew after a refusal
    kilde          text   NOT NULL,
    tilstand       text   NOT NULL,
    overlevert     int    NOT NULL,    -- 1: levering knows that print has it
    opprettet      bigint NOT NULL,
    utlagt         bigint NOT NULL,    -- when it was made ready to be given out; 0: not yet
    endret         bigint NOT NULL,
    frist          bigint NOT NULL,    -- when somebody looks at it next
    privat         bytea  NOT NULL,    -- sealed: address, checksum, the supplier's words
    UNIQUE (leveranse_id, nr)
);
CREATE INDEX print_jobber_frist ON print_jobber (frist);
CREATE INDEX print_jobber_opprettet ON print_jobber (opprettet);
CREATE INDEX print_jobber_apne ON print_jobber (tilstand) WHERE tilstand IN ('LEGGES_UT', 'KLAR', 'HENTET', 'TREKKES');

-- Copies of the files of a letter that is being built.
CREATE TABLE print_spol (
    jobb_id text NOT NULL,
    blob_id text PRIMARY KEY
);
CREATE INDEX print_spol_jobb ON print_spol (jobb_id);

-- +goose Down
DROP TABLE print_spol;
DROP TABLE print_jobber;
