-- +goose Up
CREATE TABLE svarinn_mottakersystemer (
    id            text   PRIMARY KEY, -- also its user name, and its ressurs
    fiks_org      text   NOT NULL,
    navn          text   NOT NULL,
    navn_nokkel   text   NOT NULL UNIQUE, -- the name in lower case
    passord       text   NOT NULL DEFAULT '', -- digest; '': none was made
    sertifikat    bytea, -- sealed DER
    utloper       bigint NOT NULL DEFAULT 0, -- of the certificate; 0: there is none
    utlop_varslet int    NOT NULL DEFAULT 0, -- days before expiry of the last warning; 0: none was given
    savn_varslet  int    NOT NULL DEFAULT 0, -- 1: told that forsendelser wait for a certificate
    varsles       bytea, -- sealed: addresses for alerts
    varslet       bigint NOT NULL DEFAULT 0, -- last alert of what is overdue
    varsel_apent  int    NOT NULL DEFAULT 0, -- 1: something has been overdue all the time since then
    opprettet     bigint NOT NULL
);
CREATE TABLE svarinn_tilganger (
    mottakersystem text   NOT NULL,
    nokkel         text   NOT NULL, -- keyed hash of the fødselsnummer
    person         bytea  NOT NULL, -- sealed: fødselsnummer and name
    opprettet      bigint NOT NULL,
    PRIMARY KEY (mottakersystem, nokkel)
);
CREATE TABLE svarinn_organisasjoner (
    orgnr            text   NOT NULL,
    forsendelse_type text   NOT NULL, -- '': all
    niva             int    NOT NULL, -- 0: all
    mottakersystem   text   NOT NULL,
    opprettet        bigint NOT NULL,
    PRIMARY KEY (orgnr, forsendelse_type, niva)
);
CREATE INDEX svarinn_organisasjoner_system ON svarinn_organisasjoner (mottakersystem);
CREATE TABLE svarinn_roller ( -- who has a role for an organisation, where no other source says
    nokkel text NOT NULL, -- keyed hash of the fødselsnummer
    orgnr  text NOT NULL,
    rolle  text NOT NULL,
    PRIMARY KEY (nokkel, orgnr, rolle)
);
CREATE TABLE svarinn_forsendelser (
    id             text   PRIMARY KEY, -- of the forsendelse
    levering_id    text   NOT NULL,
    leveranse_id   text   NOT NULL,
    mottakersystem text   NOT NULL,
    tilstand       text   NOT NULL,
    innhold        bytea  NOT NULL, -- sealed: what the list shows of it
    opprettet      bigint NOT NULL, -- when it came into the queue
    endret         bigint NOT NULL
);
CREATE INDEX svarinn_ko ON svarinn_forsendelser (mottakersystem, opprettet, id) WHERE tilstand = 'KLAR';
CREATE INDEX svarinn_innkommet ON svarinn_forsendelser (mottakersystem, opprettet, id);
CREATE TABLE svarinn_hendelser (
    forsendelse text   NOT NULL,
    nr          int    NOT NULL,
    tidspunkt   bigint NOT NULL,
    slag        text   NOT NULL,
    tekst       bytea, -- sealed: what the receiver wrote
    nokkel      text   NOT NULL DEFAULT '', -- keyed hash of that
    PRIMARY KEY (forsendelse, nr)
);

-- +goose Down
DROP TABLE svarinn_hendelser;
DROP TABLE svarinn_forsendelser;
DROP TABLE svarinn_roller;
DROP TABLE svarinn_organisasjoner;
DROP TABLE svarinn_tilganger;
DROP TABLE svarinn_mottakersystemer;
