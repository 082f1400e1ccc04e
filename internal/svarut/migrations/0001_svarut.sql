-- +goose Up

-- The accounts of senders. Each is a ressurs with the same id.
CREATE TABLE svarut_kontoer (
    id        text   PRIMARY KEY,
    fiks_org  text   NOT NULL,
    navn      text   NOT NULL UNIQUE, -- the user name of REST v1
    innhold   bytea  NOT NULL,        -- sealed: address and contacts
    opprettet bigint NOT NULL
);

-- One row, or two while a password is being changed.
CREATE TABLE svarut_passord (
    konto      text   NOT NULL,
    digest     text   NOT NULL,
    gyldig_til bigint NOT NULL, -- 0: until it is replaced
    PRIMARY KEY (konto, digest)
);

-- Ids that were given out before the forsendelse came (REST v1).
CREATE TABLE svarut_startet (
    id        text   PRIMARY KEY,
    konto     text   NOT NULL,
    opprettet bigint NOT NULL
);
CREATE INDEX svarut_startet_opprettet ON svarut_startet (opprettet);

CREATE TABLE svarut_forsendelser (
    id          text   PRIMARY KEY, -- of its levering too
    konto       text   NOT NULL,
    status      text   NOT NULL,    -- as it was before the deletion when slettet > 0
    endret      bigint NOT NULL,    -- when the status was set
    niva        bigint NOT NULL,    -- 3 or 4
    ekstern_ref text   NOT NULL,    -- keyed hash with the konto; '' for none
    duplikat    text   NOT NULL,    -- keyed hash of konto, title and receiver; '' where it is not looked for
    melder      bigint NOT NULL,    -- 1: a levering of the same leveranse id waits for the outcome
    lesefrist   bigint NOT NULL,    -- of Altinn; 0: not sent there
    mottatt     bigint NOT NULL,
    slettes     bigint NOT NULL,    -- when the files go; 0: not at its end
    filer_borte bigint NOT NULL,    -- 1: the files are deleted
    slettet     bigint NOT NULL,    -- 0: alive
    innhold     bytea  NOT NULL     -- sealed: everything else
);
CREATE INDEX svarut_forsendelser_ref ON svarut_forsendelser (ekstern_ref, mottatt) WHERE ekstern_ref <> '';
CREATE INDEX svarut_forsendelser_duplikat ON svarut_forsendelser (duplikat, mottatt) WHERE duplikat <> '';
CREATE INDEX svarut_forsendelser_slettes ON svarut_forsendelser (slettes) WHERE slettes > 0 AND slettet = 0;

CREATE TABLE svarut_hendelser (
    forsendelse text   NOT NULL,
    nr          bigint NOT NULL,
    tidspunkt   bigint NOT NULL,
    fritekst    bigint NOT NULL, -- 1: somebody else's words, which go with the files
    tekst       bytea  NOT NULL, -- sealed
    PRIMARY KEY (forsendelse, nr)
);

-- What the receiver has downloaded in full.
CREATE TABLE svarut_nedlastinger (
    forsendelse text   NOT NULL,
    nr          bigint NOT NULL,
    PRIMARY KEY (forsendelse, nr)
);
