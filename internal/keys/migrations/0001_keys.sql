-- +goose Up
CREATE TABLE nokkelring (
    navn    text   PRIMARY KEY, -- 'data' or 'oppslag'
    keyset  bytea  NOT NULL,    -- encrypted with the master key
    endret  bigint NOT NULL
);

CREATE TABLE plattformnokkel (
    id          text   PRIMARY KEY,
    formaal     text   NOT NULL,
    opprettet   bigint NOT NULL,
    nokkel      bytea  NOT NULL, -- PKCS#8, sealed by the ring
    sertifikat  bytea  NOT NULL  -- X.509 DER
);
CREATE INDEX plattformnokkel_formaal ON plattformnokkel (formaal, opprettet);
