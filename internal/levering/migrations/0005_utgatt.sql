-- +goose Up
-- Handed over before the levering was delivered anew: a receipt of it says nothing of
-- what is on its way now.
ALTER TABLE leveranser ADD COLUMN utgatt int NOT NULL DEFAULT 0;
CREATE INDEX leveranser_levering ON leveranser (levering_id);

-- +goose Down
DROP INDEX leveranser_levering;
ALTER TABLE leveranser DROP COLUMN utgatt;
