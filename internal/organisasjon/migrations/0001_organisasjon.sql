-- +goose Up
CREATE TABLE organisasjoner (
    id            text   PRIMARY KEY, -- fiksOrgId; its ressurs has the same
    navn          text   NOT NULL,
    type          text   NOT NULL,
    kommunenummer text   NOT NULL, -- or ''
    orgnr         text   NOT NULL, -- or ''
    epost         text   NOT NULL, -- JSON array
    opprettet     bigint NOT NULL
);
CREATE UNIQUE INDEX organisasjoner_orgnr ON organisasjoner (orgnr) WHERE orgnr <> '';
CREATE UNIQUE INDEX organisasjoner_kommune ON organisasjoner (kommunenummer) WHERE kommunenummer <> '';

CREATE TABLE ressurser (
    id       text PRIMARY KEY,
    forelder text NOT NULL, -- '' for the root alone
    type     text NOT NULL,
    navn     text NOT NULL,
    entydig  text           -- parent:type where a parent has at most one of the type
);
CREATE INDEX ressurser_forelder ON ressurser (forelder, type);
CREATE UNIQUE INDEX ressurser_entydig ON ressurser (entydig);
INSERT INTO ressurser (id, forelder, type, navn) VALUES ('00000000-0000-0000-0000-000000000000', '', 'ROOT', 'ROOT');

CREATE TABLE integrasjoner (
    id               text   PRIMARY KEY,
    fiks_org         text   NOT NULL, -- '' for a global one
    autorisert_orgnr text   NOT NULL,
    navn             text   NOT NULL,
    beskrivelse      text   NOT NULL,
    kode             text   NOT NULL, -- '' for a local one
    global           bigint NOT NULL, -- 0 or 1
    forespurte       text   NOT NULL, -- JSON array of privileges
    opprettet        bigint NOT NULL,
    slettet          bigint NOT NULL  -- 0: alive
);
CREATE INDEX integrasjoner_org ON integrasjoner (fiks_org);
CREATE UNIQUE INDEX integrasjoner_kode ON integrasjoner (kode) WHERE kode <> '';

-- One row, or two while a password is being changed.
CREATE TABLE integrasjon_passord (
    integrasjon text   NOT NULL,
    digest      text   NOT NULL, -- how it was made, then what came of it
    opprettet   bigint NOT NULL,
    gyldig_til  bigint NOT NULL, -- 0: until it is replaced
    PRIMARY KEY (integrasjon, digest)
);

CREATE TABLE tilganger (
    aktor       text   NOT NULL, -- integrasjon's UUID, or keyed hash of a fødselsnummer
    privilegium text   NOT NULL,
    ressurs     text   NOT NULL,
    fnr         bytea,           -- sealed, for persons
    opprettet   bigint NOT NULL,
    PRIMARY KEY (aktor, privilegium, ressurs)
);
CREATE INDEX tilganger_ressurs ON tilganger (ressurs);

CREATE TABLE type_tilganger (
    aktor       text   NOT NULL,
    privilegium text   NOT NULL,
    type        text   NOT NULL,
    fnr         bytea,
    opprettet   bigint NOT NULL,
    PRIMARY KEY (aktor, privilegium, type)
);

-- +goose Down
DROP TABLE type_tilganger;
DROP TABLE tilganger;
DROP TABLE integrasjon_passord;
DROP TABLE integrasjoner;
DROP TABLE ressurser;
DROP TABLE organisasjoner;
