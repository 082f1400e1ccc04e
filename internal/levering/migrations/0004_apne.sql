-- +goose Up
-- No query reads it since the duty has vakt, and each transition wrote it.
DROP INDEX leveringer_apne;

-- +goose Down
CREATE INDEX leveringer_apne ON leveringer (frist) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET', 'IKKE_LEVERT');
