-- +goose Up
ALTER TABLE integrasjoner ADD COLUMN versjon bigint NOT NULL DEFAULT 1; -- grows with each change
ALTER TABLE integrasjoner ADD COLUMN tags text NOT NULL DEFAULT '[]';   -- JSON array, each names a service

-- What an integrasjon is associated with, whatever it may do there.
CREATE TABLE integrasjon_ressurser (
    integrasjon text   NOT NULL,
    ressurs     text   NOT NULL,
    opprettet   bigint NOT NULL,
    PRIMARY KEY (integrasjon, ressurs)
);
CREATE INDEX integrasjon_ressurser_ressurs ON integrasjon_ressurser (ressurs);

-- Services of an organisation that were set up after they were taken into use.
CREATE TABLE tjenester_konfigurert (
    ressurs   text   PRIMARY KEY,
    tidspunkt bigint NOT NULL
);

-- Each organisation's own register of those it gives privileges to.
CREATE TABLE personer (
    fiks_org text   NOT NULL,
    person   text   NOT NULL, -- keyed hash of the fødselsnummer, as in tilganger
    innhold  bytea  NOT NULL, -- sealed JSON
    versjon  bigint NOT NULL, -- grows with each change
    PRIMARY KEY (fiks_org, person)
);

-- +goose Down
DROP TABLE personer;
DROP TABLE tjenester_konfigurert;
DROP TABLE integrasjon_ressurser;
ALTER TABLE integrasjoner DROP COLUMN tags;
ALTER TABLE integrasjoner DROP COLUMN versjon;
