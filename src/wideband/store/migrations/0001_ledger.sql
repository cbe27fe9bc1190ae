-- Money is integer nano-dollars, times are unix nanoseconds UTC. A secret is never here, only its SHA-256.

CREATE TABLE account (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  created_ns   BIGINT NOT NULL,
  prepaid      BOOLEAN NOT NULL,
  granted_nano BIGINT NOT NULL DEFAULT 0,
  charged_nano BIGINT NOT NULL DEFAULT 0
);

-- A deleted key keeps its row: what it was charged stays part of the sums.
CREATE TABLE key (
  hash         TEXT PRIMARY KEY,
  account_id   TEXT NOT NULL REFERENCES account (id),
  name         TEXT NOT NULL,
  label        TEXT NOT NULL,
  created_ns   BIGINT NOT NULL,
  disabled     BOOLEAN NOT NULL,
  management   BOOLEAN NOT NULL,
  limit_nano   BIGINT,
  limit_reset  TEXT,
  expires_ns   BIGINT,
  updated_ns   BIGINT,
  deleted      BOOLEAN NOT NULL DEFAULT FALSE,
  revision     BIGINT NOT NULL,
  charged_nano BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX key_revision ON key (revision);

-- What an account ('account') or a key ('key') was charged on a UTC day, counted from 1970-01-01.
CREATE TABLE spend (
  kind        TEXT NOT NULL,
  owner       TEXT NOT NULL,
  day         BIGINT NOT NULL,
  amount_nano BIGINT NOT NULL,
  PRIMARY KEY (kind, owner, day)
);

CREATE TABLE hold (
  id          TEXT PRIMARY KEY,
  account_id  TEXT NOT NULL,
  key_hash    TEXT NOT NULL,
  amount_nano BIGINT NOT NULL,
  created_ns  BIGINT NOT NULL,
  expires_ns  BIGINT NOT NULL,
  model       TEXT NOT NULL
);

-- kind: 'charge' and 'release' are the ends of a generation (one row each), 'grant' is money put in.
CREATE TABLE ledger (
  id          TEXT PRIMARY KEY,
  kind        TEXT NOT NULL,
  account_id  TEXT NOT NULL,
  key_hash    TEXT,
  amount_nano BIGINT NOT NULL,
  at_ns       BIGINT NOT NULL,
  note        TEXT
);

CREATE TABLE outbox (
  seq     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  payload BLOB NOT NULL
);

-- 'revision' counts changes of keys and accounts, 'outbox_seq' is the last record shipped.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('revision', 0), ('outbox_seq', 0);
