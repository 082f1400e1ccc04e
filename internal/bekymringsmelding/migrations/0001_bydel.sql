-- +goose Up

-- The receiving offices. Which number, name and channel they have is public; the
-- rest (addresses, e-mail, telephone, certificate) is sealed in innhold.
CREATE TABLE bekymring_bydel (
    ressurs_id      TEXT NOT NULL PRIMARY KEY,
    fiks_org        TEXT NOT NULL,
    kommunenummer   TEXT NOT NULL,
    bydelsnummer    TEXT NOT NULL,
    navn            TEXT NOT NULL,
    standard        INTEGER NOT NULL,
    deaktivert      INTEGER NOT NULL,
    stottet_versjon TEXT NOT NULL,         -- V1, V2
    fagsystem       TEXT NOT NULL,
    kanal           TEXT NOT NULL,         -- FIKS_IO, SVARINN, MANUELL_MOTTAK, PRINT
    konto_id        TEXT NOT NULL,         -- of Fiks IO; stays when the channel is changed
    integrasjon_id  TEXT NOT NULL,         -- of SvarInn; stays when the channel is changed
    innhold         BYTEA NOT NULL,
    versjon         BIGINT NOT NULL,
    UNIQUE (kommunenummer, bydelsnummer)
);
CREATE INDEX bekymring_bydel_org ON bekymring_bydel (fiks_org);
CREATE UNIQUE INDEX bekymring_bydel_standard ON bekymring_bydel (fiks_org) WHERE standard = 1;
CREATE UNIQUE INDEX bekymring_bydel_integrasjon ON bekymring_bydel (integrasjon_id) WHERE integrasjon_id <> '';

-- +goose Down
DROP TABLE bekymring_bydel;
