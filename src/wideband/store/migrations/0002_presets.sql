-- Presets of accounts. A removed one keeps its row, so that its next version gets a number of its own.

CREATE TABLE preset (
  account_id TEXT NOT NULL REFERENCES account (id),
  slug       TEXT NOT NULL,
  version    BIGINT NOT NULL,
  newest     BIGINT NOT NULL,
  created_ns BIGINT NOT NULL,
  updated_ns BIGINT NOT NULL,
  deleted    BOOLEAN NOT NULL DEFAULT FALSE,
  revision   BIGINT NOT NULL,
  PRIMARY KEY (account_id, slug)
);
CREATE INDEX preset_revision ON preset (revision);

CREATE TABLE preset_version (
  account_id TEXT NOT NULL,
  slug       TEXT NOT NULL,
  version    BIGINT NOT NULL,
  created_ns BIGINT NOT NULL,
  creator    TEXT NOT NULL,
  payload    BLOB NOT NULL,
  PRIMARY KEY (account_id, slug, version)
);
