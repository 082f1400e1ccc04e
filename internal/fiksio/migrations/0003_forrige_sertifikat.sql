-- +goose Up
-- The certificate that a konto had before its present one: senders who looked it up
-- just before may still encrypt to it.
CREATE TABLE fiksio_forrige_sertifikat (
    konto_id   text   NOT NULL PRIMARY KEY,
    sertifikat blob  NOT NULL,
    byttet     bigint NOT NULL
);

-- +goose Down
DROP TABLE fiksio_forrige_sertifikat;
