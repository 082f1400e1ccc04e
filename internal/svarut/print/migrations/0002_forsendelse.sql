-- +goose Up
CREATE INDEX print_jobber_forsendelse ON print_jobber (forsendelse_id);

-- +goose Down
DROP INDEX print_jobber_forsendelse;
