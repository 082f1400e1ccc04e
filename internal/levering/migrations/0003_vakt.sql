-- +goose Up
-- When the duty acts on a levering; 0: never. So deadlines need no jobs of their own.
ALTER TABLE leveringer ADD COLUMN vakt bigint NOT NULL DEFAULT 0;
UPDATE leveringer SET vakt = frist WHERE tilstand = 'SENDT' OR (alarm = 1 AND neste_steg LIKE 'planen%');
CREATE INDEX leveringer_vakt ON leveringer (vakt, opprettet) WHERE vakt > 0;

-- +goose Down
DROP INDEX leveringer_vakt;
ALTER TABLE leveringer DROP COLUMN vakt;
