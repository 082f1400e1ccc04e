-- +goose Up
CREATE TABLE epost ( -- e-mail that is not sent yet
    id        text   PRIMARY KEY,
    innhold   bytea  NOT NULL, -- JSON, sealed by the ring
    opprettet bigint NOT NULL
);

CREATE TABLE epost_liste ( -- what the sandbox's transport has "sent"
    id        text   PRIMARY KEY,
    innhold   bytea  NOT NULL,
    opprettet bigint NOT NULL
);
CREATE INDEX epost_liste_opprettet ON epost_liste (opprettet, id);
