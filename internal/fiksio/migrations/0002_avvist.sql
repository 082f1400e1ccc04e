-- +goose Up

-- When the mottaker refused a message for good (nack without requeue); 0: it did not.
ALTER TABLE fiksio_egen ADD COLUMN avvist BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE fiksio_egen DROP COLUMN avvist;
