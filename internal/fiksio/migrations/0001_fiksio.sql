-- +goose Up

-- Accounts. nr is a small number of its own, never reused: messages are keyed
-- by it (see fiksio_melding). What names a person is sealed.
CREATE TABLE fiksio_konto (
    id                 TEXT PRIMARY KEY,
    nr                 BIGINT NOT NULL UNIQUE,
    fiks_org_id        TEXT NOT NULL,
    navn               TEXT NOT NULL,
    dokumentlager_id   TEXT NOT NULL,
    aktiv              INTEGER NOT NULL,
    intern             INTEGER NOT NULL,
    kun_aksepterte     INTEGER NOT NULL DEFAULT 0,
    sertifikat         BYTEA,
    opprettet          BIGINT NOT NULL,
    opprettet_av       BYTEA,
    sist_endret        BIGINT NOT NULL,
    sist_endret_av     BYTEA,
    slettet            BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX fiksio_konto_org ON fiksio_konto (fiks_org_id);

-- The last sequence number given out in each queue. Its row is the lock that
-- makes writers of one queue commit in the order of their numbers.
CREATE TABLE fiksio_ko (
    nr    BIGINT PRIMARY KEY,
    siste BIGINT NOT NULL
);

CREATE TABLE fiksio_akseptert_avsender (
    konto_id    TEXT NOT NULL,
    avsender_id TEXT NOT NULL,
    PRIMARY KEY (konto_id, avsender_id)
);

CREATE TABLE fiksio_adresse (
    id             TEXT PRIMARY KEY,
    konto_id       TEXT NOT NULL,
    beskrivelse    TEXT NOT NULL,
    aktiv          INTEGER NOT NULL,
    opprettet      BIGINT NOT NULL,
    opprettet_av   BYTEA,
    sist_endret    BIGINT NOT NULL,
    sist_endret_av BYTEA
);
CREATE INDEX fiksio_adresse_konto ON fiksio_adresse (konto_id);

-- What an address is found by: slag is 'I' (identifikator, "ORG_NO.123456789"),
-- 'P' (meldingsprotokoll) or 'N' (sikkerhetsnivå).
CREATE TABLE fiksio_adressedel (
    adresse_id TEXT NOT NULL,
    slag       TEXT NOT NULL,
    verdi      TEXT NOT NULL,
    PRIMARY KEY (adresse_id, slag, verdi)
);
CREATE INDEX fiksio_adressedel_verdi ON fiksio_adressedel (slag, verdi);

-- The queues. id = nr of the mottaker * 2^40 + sequence number in its queue, so
-- that one index serves delivery, ack and counting. innhold is one AEAD text
-- over the header values, the sender's name and a small body.
CREATE TABLE fiksio_melding (
    id               INTEGER PRIMARY KEY,
    melding_id       TEXT NOT NULL,
    type             TEXT NOT NULL,
    avsender_id      TEXT NOT NULL,
    opprettet        BIGINT NOT NULL,
    utloper          BIGINT NOT NULL,
    forsok           INTEGER NOT NULL,
    levert           INTEGER NOT NULL,
    system           INTEGER NOT NULL,
    storrelse        BIGINT NOT NULL,
    dokumentlager_id TEXT NOT NULL,
    innhold          BYTEA NOT NULL
);
CREATE INDEX fiksio_melding_utlop ON fiksio_melding (utloper);

-- Bodies that are too large for the row.
CREATE TABLE fiksio_kropp (
    id      INTEGER PRIMARY KEY,
    blob_id TEXT NOT NULL
);

-- Messages whose id the platform chose itself, kept after they are consumed so
-- that sending one again makes no second message. ventet_svar is the type of
-- reply that confirms it.
CREATE TABLE fiksio_egen (
    melding_id  TEXT PRIMARY KEY,
    mottaker_id TEXT NOT NULL,
    ventet_svar TEXT NOT NULL,
    opprettet   BIGINT NOT NULL,
    utloper     BIGINT NOT NULL
);
CREATE INDEX fiksio_egen_opprettet ON fiksio_egen (opprettet);

-- +goose Down
DROP TABLE fiksio_egen;
DROP TABLE fiksio_kropp;
DROP TABLE fiksio_melding;
DROP TABLE fiksio_adressedel;
DROP TABLE fiksio_adresse;
DROP TABLE fiksio_akseptert_avsender;
DROP TABLE fiksio_ko;
DROP TABLE fiksio_konto;
