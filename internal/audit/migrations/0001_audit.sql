-- +goose Up
CREATE TABLE audit_hendelser (
    seq          bigint PRIMARY KEY,
    tidspunkt    bigint NOT NULL,
    fiks_org     text   NOT NULL,
    tjeneste     text   NOT NULL,
    underressurs text   NOT NULL,
    handling     text   NOT NULL,
    request_id   text   NOT NULL, -- keyed hash of the sporingsId, or ''
    gjelder      text   NOT NULL, -- keyed hash of the citizen's fnr, or ''
    data         bytea  NOT NULL, -- sealed: the whole event
    kjede        text   NOT NULL  -- keyed hash over the former row's kjede and this row
);
CREATE INDEX audit_org ON audit_hendelser (fiks_org, seq);
CREATE INDEX audit_gjelder ON audit_hendelser (gjelder, seq) WHERE gjelder <> '';
-- The head, so that rows cut off at the end are missed.
CREATE TABLE audit_hode (
    id    int    PRIMARY KEY,
    seq   bigint NOT NULL,
    kjede text   NOT NULL
);
INSERT INTO audit_hode (id, seq, kjede) VALUES (1, 0, '');

-- +goose Down
DROP TABLE audit_hode;
DROP TABLE audit_hendelser;
