-- +goose Up
-- One row per leveranse that Altinn has been asked to carry: how far it came. No
-- names, numbers of persons or content.
CREATE TABLE altinn_melding (
    leveranse_id   text   PRIMARY KEY,
    forsendelse_id text   NOT NULL,
    melding_id     text   NOT NULL, -- Altinn's correspondence id; '' before it is made
    lenke          int    NOT NULL, -- 1: it holds a link, and reading it in Altinn is not reading the letter
    tilstand       text   NOT NULL, -- UNDERVEIS, SENDT, LEST, AVVIST
    status         text   NOT NULL, -- the last one that Altinn told
    grunn          text   NOT NULL, -- why it was refused
    ventet         int    NOT NULL, -- how often the present step was waited for
    vent_fra       bigint NOT NULL,
    frist          bigint NOT NULL, -- reading deadline; 0 before it is published
    neste          bigint NOT NULL, -- when it is looked at next
    slutt          bigint NOT NULL  -- when it is forgotten
);
CREATE INDEX altinn_melding_neste ON altinn_melding (neste);
CREATE INDEX altinn_melding_id ON altinn_melding (melding_id);
CREATE TABLE altinn_vedlegg (
    leveranse_id text   NOT NULL,
    nr           int    NOT NULL,
    vedlegg_id   text   NOT NULL,
    storrelse    bigint NOT NULL,
    lastet_opp   int    NOT NULL,
    publisert    int    NOT NULL,
    PRIMARY KEY (leveranse_id, nr)
);

-- +goose Down
DROP TABLE altinn_vedlegg;
DROP TABLE altinn_melding;
