-- What never changes is written once: what an execution was started from and how it ended are rows of their own,
-- and the head of its state is beside its revision.
ALTER TABLE execution RENAME TO execution_1;
CREATE TABLE execution (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    machine INTEGER NOT NULL,
    input TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    start BLOB
) STRICT;
INSERT INTO execution (number, id, name, machine, input, started_at)
    SELECT number, id, name, machine, input, started_at FROM execution_1 ORDER BY number;
CREATE TABLE closed (
    execution INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
INSERT INTO closed (execution, status, stopped_at, outcome)
    SELECT number, status, stopped_at, outcome FROM execution_1 WHERE stopped_at IS NOT NULL ORDER BY number;
CREATE TABLE redriven (
    execution INTEGER PRIMARY KEY,
    redrives TEXT NOT NULL
) STRICT;
INSERT INTO redriven (execution, redrives)
    SELECT number, redrives FROM execution_1 WHERE redrives IS NOT NULL ORDER BY number;
DROP TABLE execution_1;
CREATE INDEX execution_machine ON execution (machine);
CREATE INDEX closed_status ON closed (status);
CREATE INDEX closed_stopped ON closed (stopped_at);

ALTER TABLE live RENAME TO live_1;
DROP INDEX live_wake;
CREATE TABLE live (
    execution INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    owner INTEGER,
    wake INTEGER,
    head BLOB NOT NULL
) STRICT;
CREATE INDEX live_wake ON live (wake) WHERE owner IS NULL;
INSERT INTO live (execution, revision, wake, head)
    SELECT execution, revision, wake, bytes FROM live_1 JOIN record USING (execution)
    WHERE part = 0 ORDER BY execution;
DROP TABLE live_1;

ALTER TABLE kept RENAME TO kept_1;
DROP INDEX kept_stopped;
CREATE TABLE kept (
    execution INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    stopped_at INTEGER NOT NULL,
    head BLOB NOT NULL
) STRICT;
CREATE INDEX kept_stopped ON kept (stopped_at);
INSERT INTO kept (execution, revision, stopped_at, head)
    SELECT execution, revision, stopped_at, bytes FROM kept_1 JOIN record USING (execution)
    WHERE part = 0 ORDER BY execution;
DROP TABLE kept_1;

-- Long documents of a frame get numbers after the frame's.
ALTER TABLE record RENAME TO record_1;
CREATE TABLE record (
    execution INTEGER NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (execution, part)
) STRICT, WITHOUT ROWID;
INSERT INTO record (execution, part, bytes)
    SELECT execution, 8 * part, bytes FROM record_1 WHERE part > 0 ORDER BY execution, part;
DROP TABLE record_1;

-- Numbers of the inbox are not used again while their execution is there.
ALTER TABLE inbox RENAME TO inbox_1;
DROP INDEX inbox_execution;
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    event TEXT,
    accepted INTEGER
) STRICT;
INSERT INTO inbox (number, execution, event, accepted)
    SELECT number, execution, event, accepted FROM inbox_1 ORDER BY number;
DROP TABLE inbox_1;
CREATE INDEX inbox_execution ON inbox (execution);
CREATE INDEX inbox_waiting ON inbox (execution) WHERE accepted IS NULL;
