-- +goose Up
CREATE INDEX dokumenter_korrelasjonsid ON dokumenter (konto_id, korrelasjonsid) WHERE korrelasjonsid <> '';

-- +goose Down
DROP INDEX dokumenter_korrelasjonsid;
