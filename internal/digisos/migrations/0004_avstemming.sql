-- +goose Up

-- Reconciliation of what is delivered from that time on; off until the municipality
-- turns it on.
ALTER TABLE digisos_konfigurasjon ADD COLUMN avstemming_paa INTEGER NOT NULL DEFAULT 0;
ALTER TABLE digisos_konfigurasjon ADD COLUMN avstemming_fra BIGINT NOT NULL DEFAULT 0;

-- What went to a municipality, and whether it has told that it has it. Tests are not here.
CREATE TABLE digisos_utlevert (
    id             TEXT NOT NULL PRIMARY KEY, -- of the forsendelse or the part of a klage
    sak_id         TEXT NOT NULL,
    fiks_org_id    TEXT NOT NULL,
    kilde          TEXT NOT NULL,    -- its source in the delivery engine: what it is
    kanal          TEXT NOT NULL,    -- that had it last; '' = none
    leveranse_id   TEXT NOT NULL,    -- the channel's id of it
    sendt          BIGINT NOT NULL,  -- when a channel first had it; 0 = not
    levert         BIGINT NOT NULL,  -- when it was first confirmed; 0 = not
    registrert     BIGINT NOT NULL,  -- when the municipality told that it has it; 0 = not
    registrert_ved TEXT NOT NULL     -- MELDT, SAKSOPPDATERING, FILER; '' = not
);
CREATE INDEX digisos_utlevert_apen ON digisos_utlevert (fiks_org_id, levert) WHERE levert > 0 AND registrert = 0;
CREATE INDEX digisos_utlevert_sendt ON digisos_utlevert (fiks_org_id, sendt);
CREATE INDEX digisos_utlevert_sak ON digisos_utlevert (sak_id);

-- Each id that a fagsystem may know it by: of the message over Fiks IO, of the
-- forsendelse in SvarUt.
CREATE TABLE digisos_leveranse (
    leveranse_id TEXT NOT NULL PRIMARY KEY,
    utlevert_id  TEXT NOT NULL
);
CREATE INDEX digisos_leveranse_utlevert ON digisos_leveranse (utlevert_id);

CREATE INDEX digisos_forsendelse_navref ON digisos_forsendelse (nav_ekstern_ref_id);
CREATE INDEX digisos_klage_navref ON digisos_klage (nav_ekstern_ref_id);

-- When a duty that keeps hours of the day last ran.
CREATE TABLE digisos_plikt (
    navn TEXT NOT NULL PRIMARY KEY,
    sist BIGINT NOT NULL
);

-- +goose Down
DROP TABLE digisos_plikt;
DROP INDEX digisos_klage_navref;
DROP INDEX digisos_forsendelse_navref;
DROP TABLE digisos_leveranse;
DROP TABLE digisos_utlevert;
ALTER TABLE digisos_konfigurasjon DROP COLUMN avstemming_fra;
ALTER TABLE digisos_konfigurasjon DROP COLUMN avstemming_paa;
