-- +goose Up
-- What an organisation was told of something that ends. When that is renewed its
-- end is another, and what stands here counts no more.
CREATE TABLE utlop_varslet (
    slag    text   NOT NULL,
    id      text   NOT NULL,
    utloper bigint NOT NULL,
    dager   int    NOT NULL, -- of the last step: 60, 30, … 0
    PRIMARY KEY (slag, id)
);

-- One e-mail per organisation and day.
CREATE TABLE utlop_epost (
    fiks_org text PRIMARY KEY,
    dag      int  NOT NULL -- in Oslo, as 20260610
);

-- When the duty was last done.
CREATE TABLE utlop_kjort (
    id        int    PRIMARY KEY,
    tidspunkt bigint NOT NULL
);

-- +goose Down
DROP TABLE utlop_kjort;
DROP TABLE utlop_epost;
DROP TABLE utlop_varslet;
