-- +goose Up

-- One row per report, which stays for good. What could tell of its content or its
-- sender (the encrypted parts, innsending, fra_org) is gone when slettet is set.
CREATE TABLE bekymring_melding (
    id             TEXT NOT NULL PRIMARY KEY,
    innsending     TEXT UNIQUE,           -- keyed hash of what was sent in; NULL after deletion
    fra_org        TEXT NOT NULL,         -- the sending organisation; '' from the portal
    fra_fagsystem  INTEGER NOT NULL,
    fiks_org       TEXT NOT NULL,         -- who receives
    kommunenummer  TEXT NOT NULL,
    bydelsnummer   TEXT NOT NULL,
    bydelsnavn     TEXT NOT NULL,
    ressurs_id     TEXT NOT NULL,         -- of the bydel
    type           TEXT NOT NULL,         -- PRIVAT, OFFENTLIG
    versjon        TEXT NOT NULL,         -- V1, V2
    kanal          TEXT NOT NULL,         -- the bydel's when it was sent
    konto_id       TEXT NOT NULL,         -- FIKS_IO: the receiving konto
    integrasjon_id TEXT NOT NULL,         -- SVARINN: who fetches it
    tilstand       TEXT NOT NULL,
    naa_kanal      TEXT NOT NULL,         -- where it is or was delivered by
    arsak          TEXT NOT NULL,         -- our sentence on why a channel was left; '' when none was
    digital_runde  INTEGER NOT NULL,      -- the round of the plan in which the digital channel is tried
    pdf_blob       TEXT NOT NULL,         -- encrypted to the printer; '' after deletion
    asice_blob     TEXT NOT NULL,         -- encrypted to the receiver; '' after deletion
    innsendt       BIGINT NOT NULL,
    levert         BIGINT NOT NULL,       -- 0: not delivered
    varslet        INTEGER NOT NULL,      -- people were told that it is not handed to its channel
    slettet        BIGINT NOT NULL
);
CREATE INDEX bekymring_melding_org ON bekymring_melding (fiks_org, innsendt);
CREATE INDEX bekymring_melding_tid ON bekymring_melding (innsendt);
CREATE INDEX bekymring_melding_apen ON bekymring_melding (innsendt) WHERE tilstand = 'AKSEPTERT' AND varslet = 0;
CREATE INDEX bekymring_melding_levert ON bekymring_melding (ressurs_id, levert) WHERE levert > 0 AND slettet = 0;

-- What happened to a report, oldest first. Those with offentlig = 1 are its states as
-- the sender sees them.
CREATE TABLE bekymring_hendelse (
    melding_id   TEXT NOT NULL,
    nr           INTEGER NOT NULL,
    tilstand     TEXT NOT NULL,
    tidspunkt    BIGINT NOT NULL,
    offentlig    INTEGER NOT NULL,
    meldingstype TEXT NOT NULL,
    fiksio_id    TEXT NOT NULL,
    konto_id     TEXT NOT NULL,
    beskrivelse  TEXT NOT NULL,           -- our own sentence
    fritekst     bytea,                    -- sealed: what the receiver wrote
    PRIMARY KEY (melding_id, nr)
);

-- What waits to be fetched by SvarInn or by hand.
CREATE TABLE bekymring_ko (
    melding_id     TEXT NOT NULL PRIMARY KEY,
    leveranse_id   TEXT NOT NULL,
    kanal          TEXT NOT NULL,         -- SVARINN, MANUELL_MOTTAK
    fiks_org       TEXT NOT NULL,
    ressurs_id     TEXT NOT NULL,
    integrasjon_id TEXT NOT NULL,
    tilstand       TEXT NOT NULL,         -- VENTER, KVITTERT, AVVIST, TRUKKET
    innhold        bytea,                  -- sealed: size and checksum of the PDF
    opprettet      BIGINT NOT NULL,
    lastet_ned     BIGINT NOT NULL        -- first download; 0: none
);
CREATE INDEX bekymring_ko_integrasjon ON bekymring_ko (integrasjon_id, opprettet) WHERE tilstand = 'VENTER';
CREATE INDEX bekymring_ko_ressurs ON bekymring_ko (ressurs_id, opprettet) WHERE tilstand = 'VENTER';

-- What the office has told that it has registered. tidspunkt has the precision of a day.
CREATE TABLE bekymring_avstemt (
    melding_id TEXT NOT NULL PRIMARY KEY,
    tidspunkt  BIGINT NOT NULL
);
CREATE INDEX bekymring_avstemt_tid ON bekymring_avstemt (tidspunkt);

-- When the duties that run by the clock on the wall ran last.
CREATE TABLE bekymring_plikt (
    navn TEXT NOT NULL PRIMARY KEY,
    sist BIGINT NOT NULL
);

-- +goose Down
DROP TABLE bekymring_plikt;
DROP TABLE bekymring_avstemt;
DROP TABLE bekymring_ko;
DROP TABLE bekymring_hendelse;
DROP TABLE bekymring_melding;
