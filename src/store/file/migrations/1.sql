CREATE TABLE machine (
    number INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    arn TEXT NOT NULL,
    definition TEXT NOT NULL
) STRICT;
CREATE INDEX machine_arn ON machine (arn);
CREATE TABLE execution (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    machine INTEGER NOT NULL,
    input TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    stopped_at INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX execution_machine ON execution (machine);
CREATE INDEX execution_status ON execution (status) WHERE stopped_at IS NOT NULL;
CREATE INDEX execution_stopped ON execution (stopped_at) WHERE stopped_at IS NOT NULL;
CREATE TABLE live (
    execution INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    owner INTEGER,
    wake INTEGER
) STRICT;
CREATE INDEX live_wake ON live (wake) WHERE owner IS NULL;
CREATE TABLE record (
    execution INTEGER NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (execution, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    last INTEGER NOT NULL,
    events BLOB NOT NULL
) STRICT;
CREATE INDEX history_execution ON history (execution, last);
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL,
    activity INTEGER NOT NULL,
    open INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_execution ON token (execution);
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    execution INTEGER NOT NULL,
    event TEXT,
    accepted INTEGER
) STRICT;
CREATE INDEX inbox_execution ON inbox (execution);
