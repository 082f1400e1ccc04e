-- +goose Up
-- What an organisation said of itself in the first-time set-up.
CREATE TABLE organisasjon_oppsett (
    fiks_org  text   PRIMARY KEY,
    innhold   bytea  NOT NULL, -- sealed JSON: invoice, contacts
    bekreftet bigint NOT NULL, -- when somebody last said that it is right
    versjon   bigint NOT NULL  -- grows with each change
);

-- Each version of each agreement that was accepted for an organisation.
CREATE TABLE avtaler_godtatt (
    fiks_org  text   NOT NULL,
    avtale    text   NOT NULL, -- HOVEDAVTALE, or the code of a service
    versjon   text   NOT NULL, -- of its text
    tidspunkt bigint NOT NULL,
    innhold   bytea  NOT NULL, -- sealed JSON: who, and what was shown
    PRIMARY KEY (fiks_org, avtale, versjon)
);

-- The change log: what was written over what, by whom.
CREATE TABLE organisasjon_endringer (
    fiks_org  text   NOT NULL,
    nr        bigint NOT NULL, -- 1, 2, 3 … of the organisation
    tidspunkt bigint NOT NULL,
    innhold   bytea  NOT NULL, -- sealed JSON
    PRIMARY KEY (fiks_org, nr)
);

-- +goose Down
DROP TABLE organisasjon_endringer;
DROP TABLE avtaler_godtatt;
DROP TABLE organisasjon_oppsett;
