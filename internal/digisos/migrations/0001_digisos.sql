-- +goose Up

-- One row per municipality that has (had) Digisos configured. innhold is the
-- sealed configuration; NULL when it was deleted (the dokumentlager konto stays,
-- since documents lie in it).
CREATE TABLE digisos_konfigurasjon (
    fiks_org_id            TEXT NOT NULL PRIMARY KEY,
    kommunenummer          TEXT NOT NULL UNIQUE,
    dokumentlager_konto_id TEXT NOT NULL,
    innhold                bytea
);

-- One row per DigisosId; it stays as a tombstone (slettet > 0, no person) after deletion.
CREATE TABLE digisos_sak (
    id                 TEXT NOT NULL PRIMARY KEY,
    fiks_org_id        TEXT NOT NULL,
    kommunenummer      TEXT NOT NULL,
    nav_ekstern_ref_id TEXT UNIQUE,          -- of the søknad; NULL when made by the municipality
    soker_hash         TEXT NOT NULL,
    soker              bytea,                 -- sealed fødselsnummer
    oppdatering_id     TEXT NOT NULL,        -- document of the current digisos-soker.json; '' = none
    oppdatering_filer  TEXT NOT NULL,        -- ids of the files it refers to, comma-separated
    oppdatert          BIGINT NOT NULL,
    levert             BIGINT NOT NULL,      -- when the søknad was confirmed by its receiver; 0 = not
    opprettet          BIGINT NOT NULL,
    sist_endret        BIGINT NOT NULL,
    slettes            BIGINT NOT NULL,      -- when the retention job looks at it next
    slettet            BIGINT NOT NULL
);
CREATE INDEX digisos_sak_soker ON digisos_sak (soker_hash);
CREATE INDEX digisos_sak_slettes ON digisos_sak (slettes) WHERE slettet = 0;

-- What NAV sent in: the søknad of a case and its ettersendelser. Rows never change.
CREATE TABLE digisos_forsendelse (
    id                 TEXT NOT NULL PRIMARY KEY, -- of a søknad: the DigisosId
    sak_id             TEXT NOT NULL,
    nr                 INTEGER NOT NULL,          -- 0 for the søknad, then in order of arrival
    nav_ekstern_ref_id TEXT NOT NULL,
    metadata_id        TEXT NOT NULL,             -- document of soknad.json; '' for an ettersendelse
    vedlegg_id         TEXT NOT NULL,             -- document of vedlegg.json
    innhold            bytea NOT NULL,             -- sealed: files with names, tilleggsinformasjon
    sendt              BIGINT NOT NULL,
    UNIQUE (sak_id, nr)
);

-- navEksternRefId of ettersendelser is unique within a case (a søknad's reference is unique everywhere).
CREATE UNIQUE INDEX digisos_forsendelse_ref ON digisos_forsendelse (sak_id, nav_ekstern_ref_id) WHERE nr > 0;

-- Files that the fagsystem uploaded.
CREATE TABLE digisos_fil (
    dokument_id TEXT NOT NULL PRIMARY KEY,
    sak_id      TEXT NOT NULL,
    nr          INTEGER NOT NULL,
    filnavn     bytea NOT NULL, -- sealed
    storrelse   BIGINT NOT NULL,
    UNIQUE (sak_id, nr)
);

-- Files that NAV has laid down for a søknad or ettersendelse to come.
CREATE TABLE digisos_mellomlagret (
    dokument_id        TEXT NOT NULL PRIMARY KEY,
    nav_ekstern_ref_id TEXT NOT NULL,
    nr                 INTEGER NOT NULL,
    navn_hash          TEXT NOT NULL,
    innhold            bytea NOT NULL, -- sealed: file name and mimetype
    storrelse          BIGINT NOT NULL,
    utloper            BIGINT NOT NULL,
    UNIQUE (nav_ekstern_ref_id, nr),
    UNIQUE (nav_ekstern_ref_id, navn_hash)
);
CREATE INDEX digisos_mellomlagret_utloper ON digisos_mellomlagret (utloper);

CREATE TABLE digisos_historikk (
    sak_id        TEXT NOT NULL,
    nr            INTEGER NOT NULL,
    tilstand      TEXT NOT NULL,
    tidspunkt     BIGINT NOT NULL,
    forsendelse_id TEXT NOT NULL, -- '' when it is about the case itself
    PRIMARY KEY (sak_id, nr)
);

-- +goose Down
DROP TABLE digisos_historikk;
DROP TABLE digisos_mellomlagret;
DROP TABLE digisos_fil;
DROP TABLE digisos_forsendelse;
DROP TABLE digisos_sak;
DROP TABLE digisos_konfigurasjon;
