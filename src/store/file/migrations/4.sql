-- Tasks of activities that wait for workers, in the order in which they were offered.
CREATE TABLE offer (
    number INTEGER PRIMARY KEY,
    activity TEXT NOT NULL,
    execution INTEGER NOT NULL,
    task INTEGER NOT NULL
) STRICT;
CREATE INDEX offer_activity ON offer (activity);
CREATE UNIQUE INDEX offer_task ON offer (execution, task);
-- Activities that were deleted.
CREATE TABLE missing_activity (
    arn TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
