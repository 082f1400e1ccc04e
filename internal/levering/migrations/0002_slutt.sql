-- +goose Up
-- IKKE_LEVERT is an end as well.
DROP INDEX leveringer_apne;
DROP INDEX leveringer_org;
CREATE INDEX leveringer_apne ON leveringer (frist) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET', 'IKKE_LEVERT');
CREATE INDEX leveringer_org ON leveringer (fiks_org) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET', 'IKKE_LEVERT');

-- +goose Down
DROP INDEX leveringer_apne;
DROP INDEX leveringer_org;
CREATE INDEX leveringer_apne ON leveringer (frist) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET');
CREATE INDEX leveringer_org ON leveringer (fiks_org) WHERE tilstand NOT IN ('BEKREFTET', 'STOPPET');
