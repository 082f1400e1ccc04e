-- +goose Up

-- 1: a test of a set-up; its history says when it was listed and downloaded.
ALTER TABLE svarinn_forsendelser ADD COLUMN prove bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE svarinn_forsendelser DROP COLUMN prove;
