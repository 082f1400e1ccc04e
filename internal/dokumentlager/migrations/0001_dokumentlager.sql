-- +goose Up
CREATE TABLE dokumentlager_kontoer (
    id         text   PRIMARY KEY,
    fiks_org   text   NOT NULL,
    navn       text   NOT NULL,
    tjenestens int    NOT NULL, -- 1: a service's own, closed to the API
    opprettet  bigint NOT NULL,
    slettet    bigint NOT NULL DEFAULT 0
);
CREATE TABLE dokumenter (
    id               text   PRIMARY KEY,
    konto_id         text   NOT NULL,
    blob_id          text   NOT NULL,
    sikkerhetsniva   int    NOT NULL,
    tilgjengelig_til bigint NOT NULL, -- 0: never expires
    korrelasjonsid   text   NOT NULL,
    ikke_logg        int    NOT NULL,
    ukryptert        bigint NOT NULL,
    kryptert         bigint NOT NULL,
    opprettet        bigint NOT NULL,
    slettet          bigint NOT NULL DEFAULT 0,
    privat           bytea  NOT NULL  -- sealed: name and grants
);
CREATE INDEX dokumenter_konto ON dokumenter (konto_id, opprettet);
CREATE INDEX dokumenter_utlop ON dokumenter (tilgjengelig_til) WHERE slettet = 0 AND tilgjengelig_til > 0;
CREATE TABLE dokument_hendelser (
    dokument_id text   NOT NULL,
    tidspunkt   bigint NOT NULL,
    melding     text   NOT NULL,
    aktor       text   NOT NULL
);
CREATE INDEX dokument_hendelser_dokument ON dokument_hendelser (dokument_id, tidspunkt);

-- +goose Down
DROP TABLE dokument_hendelser;
DROP TABLE dokumenter;
DROP TABLE dokumentlager_kontoer;
