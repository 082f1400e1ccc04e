-- +goose Up
CREATE TABLE blobs (
    id          text   PRIMARY KEY,
    size        bigint NOT NULL, -- of the plaintext, in bytes; bound to the key
    wrapped_key bytea  NOT NULL, -- the blob's own key, sealed by the ring
    inline      bytea,           -- the encrypted content; null when the backend has it
    created     bigint NOT NULL
);
