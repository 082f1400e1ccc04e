-- +goose Up

-- The municipalities that reconcile, since when, and when they were last told of gaps.
CREATE TABLE digisos_avstemming (
    fiks_org_id TEXT   NOT NULL PRIMARY KEY,
    fra         BIGINT NOT NULL,
    varslet     BIGINT NOT NULL
);

-- What was handed over to a municipality that reconciles, and whether it has told that
-- it is registered.
CREATE TABLE digisos_overlevert (
    forsendelse_id TEXT    NOT NULL PRIMARY KEY,
    sak_id         TEXT    NOT NULL,
    fiks_org_id    TEXT    NOT NULL,
    overlevert     BIGINT  NOT NULL, -- first handed to a channel
    levert         BIGINT  NOT NULL, -- last confirmed; 0: not
    kanal          TEXT    NOT NULL, -- that it was last handed to
    registrert     BIGINT  NOT NULL  -- the day; 0: not
);
CREATE INDEX digisos_overlevert_org ON digisos_overlevert (fiks_org_id, overlevert);
CREATE INDEX digisos_overlevert_avvik ON digisos_overlevert (fiks_org_id, levert, forsendelse_id) WHERE registrert = 0 AND levert > 0;
CREATE INDEX digisos_overlevert_sak ON digisos_overlevert (sak_id);

-- +goose Down
DROP TABLE digisos_overlevert;
DROP TABLE digisos_avstemming;
