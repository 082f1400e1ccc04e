-- +goose Up
CREATE TABLE leveringer (
    id           text   PRIMARY KEY,
    kilde        text   NOT NULL,
    kilde_id     text   NOT NULL,
    fiks_org     text   NOT NULL,
    plan         text   NOT NULL, -- JSON
    steg         int    NOT NULL,
    runde        int    NOT NULL,
    tilstand     text   NOT NULL,
    kanal        text   NOT NULL,
    leveranse_id text   NOT NULL,
    frist        bigint NOT NULL,
    neste_steg   text   NOT NULL,
    alarm        int    NOT NULL,
    grunn        text   NOT NULL,
    opprettet    bigint NOT NULL,
    endret       bigint NOT NULL,
    UNIQUE (kilde, kilde_id)
);
CREATE INDEX leveringer_apne ON leveringer (frist) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET');
CREATE INDEX leveringer_org ON leveringer (fiks_org) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET');
CREATE INDEX leveringer_alarm ON leveringer (opprettet) WHERE alarm = 1;
-- Each id under which a levering was handed to a channel: late receipts are found by it.
CREATE TABLE leveranser (
    leveranse_id text PRIMARY KEY,
    levering_id  text NOT NULL,
    kanal        text NOT NULL
);
CREATE TABLE leverings_historie (
    levering_id text   NOT NULL,
    nr          int    NOT NULL,
    tilstand    text   NOT NULL,
    kanal       text   NOT NULL,
    tidspunkt   bigint NOT NULL,
    grunn       text   NOT NULL,
    PRIMARY KEY (levering_id, nr)
);

-- +goose Down
DROP TABLE leverings_historie;
DROP TABLE leveranser;
DROP TABLE leveringer;
