-- People who may see the site, and their sessions: of a session's cookie only the SHA-256 is here.

CREATE TABLE person (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  role         TEXT NOT NULL,
  account_id   TEXT NOT NULL REFERENCES account (id),
  created_ns   BIGINT NOT NULL,
  password     TEXT,
  subject      TEXT,
  signed_in_ns BIGINT,
  deleted      BOOLEAN NOT NULL DEFAULT FALSE,
  revision     BIGINT NOT NULL
);
CREATE UNIQUE INDEX person_name ON person (name) WHERE NOT deleted;
CREATE UNIQUE INDEX person_subject ON person (subject) WHERE NOT deleted AND subject IS NOT NULL;
CREATE INDEX person_revision ON person (revision);

CREATE TABLE session (
  hash       TEXT PRIMARY KEY,
  person_id  TEXT NOT NULL REFERENCES person (id),
  created_ns BIGINT NOT NULL,
  seen_ns    BIGINT NOT NULL,
  ends_ns    BIGINT NOT NULL,
  deleted    BOOLEAN NOT NULL DEFAULT FALSE,
  revision   BIGINT NOT NULL
);
CREATE INDEX session_revision ON session (revision);
CREATE INDEX session_person ON session (person_id);

-- Sign-ins that failed, by name and by address; until_ns is when the next may be tried.
CREATE TABLE sign_in_failure (
  subject  TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_ns  BIGINT NOT NULL,
  until_ns BIGINT NOT NULL
);

-- What the tokens of forms are made with: 32 random bytes, made on first use.
CREATE TABLE site_secret (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
);
