-- +goose Up
ALTER TABLE print_jobber ADD COLUMN forsok int NOT NULL DEFAULT 0; -- how often it was begun to make its PDF

-- +goose Down
ALTER TABLE print_jobber DROP COLUMN forsok;
