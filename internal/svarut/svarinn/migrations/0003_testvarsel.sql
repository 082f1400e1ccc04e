-- +goose Up
ALTER TABLE svarinn_mottakersystemer ADD COLUMN test_varslet bigint NOT NULL DEFAULT 0; -- last alert sent on trial

-- +goose Down
ALTER TABLE svarinn_mottakersystemer DROP COLUMN test_varslet;
