-- +goose Up

-- Sealed: what the fagsystem wrote when it refused. Deleted with the case.
ALTER TABLE digisos_historikk ADD COLUMN tekst BYTEA;

-- Klager of a case, what was sent in to them later, and their withdrawal. Rows never change.
CREATE TABLE digisos_klage (
    id                 TEXT NOT NULL PRIMARY KEY,
    sak_id             TEXT NOT NULL,
    klage_id           TEXT NOT NULL,    -- NAV's id of the klage
    nr                 INTEGER NOT NULL, -- 0 for the klage itself, then in order of arrival
    kilde              TEXT NOT NULL,    -- its source in the delivery engine: which of the three it is
    vedtak_id          TEXT NOT NULL,    -- of a klage; '' for the others
    nav_ekstern_ref_id TEXT NOT NULL,
    metadata_id        TEXT NOT NULL,    -- document of klage.json; '' for the others
    vedlegg_id         TEXT NOT NULL,    -- document of vedlegg.json
    innhold            BYTEA NOT NULL,   -- sealed: files with names
    sendt              BIGINT NOT NULL,
    UNIQUE (sak_id, klage_id, nr),
    UNIQUE (sak_id, nav_ekstern_ref_id)
);
CREATE UNIQUE INDEX digisos_klage_trukket ON digisos_klage (sak_id, klage_id) WHERE kilde = 'digisos.klage.trekk';

-- +goose Down
DROP TABLE digisos_klage;
ALTER TABLE digisos_historikk DROP COLUMN tekst;
