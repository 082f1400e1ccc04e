-- +goose Up
CREATE TABLE portal_sesjoner (
    id        text   PRIMARY KEY, -- digest of the cookie's value
    person    text   NOT NULL,    -- keyed hash of the fødselsnummer
    innhold   bytea  NOT NULL,    -- sealed: who, at which level
    opprettet bigint NOT NULL,
    sist      bigint NOT NULL,    -- of the last request, to the minute
    skjema    bytea               -- sealed: a form that came too late
);
CREATE INDEX portal_sesjoner_person ON portal_sesjoner (person);
CREATE INDEX portal_sesjoner_sist ON portal_sesjoner (sist);

-- Forms that are filled in step by step.
CREATE TABLE portal_utkast (
    person  text   NOT NULL,
    skjema  text   NOT NULL, -- which form
    gjelder text   NOT NULL, -- for whom: a fiksOrgId
    innhold bytea  NOT NULL, -- sealed
    endret  bigint NOT NULL,
    PRIMARY KEY (person, skjema, gjelder)
);
CREATE INDEX portal_utkast_endret ON portal_utkast (endret);

-- +goose Down
DROP TABLE portal_utkast;
DROP TABLE portal_sesjoner;
