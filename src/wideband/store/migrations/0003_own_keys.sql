-- Provider keys of accounts. A secret is here only sealed with the key in the home's `byok.key`.

CREATE TABLE own_key (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES account (id),
  provider   TEXT NOT NULL,
  label      TEXT NOT NULL,
  sealed     BLOB NOT NULL,
  created_ns BIGINT NOT NULL,
  name       TEXT,
  disabled   BOOLEAN NOT NULL,
  fallback   BOOLEAN NOT NULL,
  always     BOOLEAN NOT NULL,
  updated_ns BIGINT,
  revision   BIGINT NOT NULL,
  deleted    BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX own_key_revision ON own_key (revision);
