"""The tables of the SQLite store. Times are milliseconds since the epoch; `at` is the store's time of a write."""

VERSION = 4

_MARKS = (
    "CREATE TABLE settings (model TEXT PRIMARY KEY, body BLOB)",
    # `feature` is null for the whole model
    "CREATE TABLE expected (model TEXT, feature TEXT, since INTEGER, until INTEGER, note TEXT)",
    "CREATE TABLE notified (model TEXT, key TEXT, at INTEGER, PRIMARY KEY (model, key))",
    "CREATE INDEX expected_model ON expected (model)",
)

_REPLICAS = (
    # panes.rollover: the newest profile, and which profile has had most rows for how many panes
    "CREATE TABLE rollovers (model TEXT PRIMARY KEY, newest TEXT, leader TEXT, streak INTEGER)",
    # which server folds a model; and which servers are alive, with an empty model
    "CREATE TABLE leases (model TEXT PRIMARY KEY, owner TEXT, until INTEGER)",
    "CREATE TABLE replicas (model TEXT, owner TEXT PRIMARY KEY, until INTEGER)",
)

_TEXTS = (
    # unseen texts of open panes, where there are any; they are those of the pane if it has the same sequence
    "CREATE TABLE pane_texts (model TEXT, digest TEXT, start INTEGER, length INTEGER, source TEXT,"
    " sequence INTEGER, texts BLOB, PRIMARY KEY (model, digest, start, length, source))",
    # unseen texts of slices
    "CREATE TABLE slice_texts (model TEXT, digest TEXT, end INTEGER, start INTEGER, texts BLOB,"
    " PRIMARY KEY (model, digest, end, start))",
)

SCHEMA = (
    "CREATE TABLE models (model TEXT PRIMARY KEY, digest TEXT, pane INTEGER, lateness INTEGER,"
    " frozen INTEGER, beat INTEGER, halted INTEGER)",
    # `used` is when it last became the active profile, or ceased to be
    "CREATE TABLE profiles (model TEXT, digest TEXT, body BLOB, at INTEGER, used INTEGER, PRIMARY KEY (model, digest))",
    # open panes, one row for each source
    "CREATE TABLE panes (model TEXT, digest TEXT, start INTEGER, length INTEGER, source TEXT,"
    " sequence INTEGER, rows INTEGER, counts BLOB, PRIMARY KEY (model, digest, start, length, source))",
    # what each source had in a closed pane: `frozen` rows went in, it has reported `rows` since
    "CREATE TABLE sealed (model TEXT, digest TEXT, start INTEGER, length INTEGER, source TEXT,"
    " sequence INTEGER, frozen INTEGER, rows INTEGER, at INTEGER,"
    " PRIMARY KEY (model, digest, start, length, source))",
    # closed panes, summed over their sources; old ones merged
    "CREATE TABLE slices (model TEXT, digest TEXT, end INTEGER, start INTEGER, rows INTEGER, bins INTEGER,"
    " counts BLOB, PRIMARY KEY (model, digest, end, start))",
    "CREATE TABLE progress (model TEXT, digest TEXT, folded INTEGER, state BLOB, PRIMARY KEY (model, digest))",
    "CREATE TABLE verdicts (model TEXT, digest TEXT, bucket INTEGER, at INTEGER, body BLOB,"
    " PRIMARY KEY (model, digest, bucket))",
    "CREATE TABLE sources (model TEXT, source TEXT, totals TEXT, late INTEGER, watermark INTEGER, at INTEGER,"
    " PRIMARY KEY (model, source))",
    "CREATE TABLE keys (model TEXT, key TEXT, fingerprint BLOB, late INTEGER, at INTEGER, PRIMARY KEY (model, key))",
    "CREATE TABLE acknowledged (model TEXT, incident TEXT, at INTEGER, note TEXT, PRIMARY KEY (model, incident))",
    *_MARKS,
    *_REPLICAS,
    *_TEXTS,
    # what `ping` writes and deletes again
    "CREATE TABLE pings (model TEXT PRIMARY KEY, ballast BLOB)",
    "CREATE INDEX panes_end ON panes (model, start + length)",
    "CREATE INDEX sealed_at ON sealed (at)",
    "CREATE INDEX keys_at ON keys (at)",
)

MIGRATIONS = {1: _MARKS, 2: _REPLICAS, 3: _TEXTS}
"""Statements that turn a store of one version into the next. They only add tables: older servers go on with it."""
