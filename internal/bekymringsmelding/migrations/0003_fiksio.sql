-- +goose Up
-- Receipts that people register are found by the message that they answer.
CREATE INDEX bekymring_hendelse_fiksio ON bekymring_hendelse (fiksio_id) WHERE fiksio_id <> '';

-- +goose Down
DROP INDEX bekymring_hendelse_fiksio;
