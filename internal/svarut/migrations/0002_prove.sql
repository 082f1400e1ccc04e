-- +goose Up

-- 1: a test of a set-up; its files go a day after its end.
ALTER TABLE svarut_forsendelser ADD COLUMN prove bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE svarut_forsendelser DROP COLUMN prove;
