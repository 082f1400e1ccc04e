-- +goose Up
-- Content that is neither in the row nor in the backend is in a segment file.
ALTER TABLE blobs ADD COLUMN segment bigint; -- its number; null: not in a segment
ALTER TABLE blobs ADD COLUMN pos     bigint; -- where in it the encrypted content begins

-- What is alive in each segment is told by the index alone.
CREATE INDEX blobs_segment ON blobs (segment, size) WHERE segment IS NOT NULL;
