-- +goose Up

-- A test of the municipality's set-up: 1 under way, 2 at its end; 0: a case. A test
-- has no soker, and no API for citizens or NAV knows it.
ALTER TABLE digisos_sak ADD COLUMN prove INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX digisos_sak_prove_en ON digisos_sak (fiks_org_id) WHERE prove = 1;
CREATE INDEX digisos_sak_prove ON digisos_sak (fiks_org_id, opprettet) WHERE prove > 0;

-- +goose Down
DROP INDEX digisos_sak_prove;
DROP INDEX digisos_sak_prove_en;
ALTER TABLE digisos_sak DROP COLUMN prove;
