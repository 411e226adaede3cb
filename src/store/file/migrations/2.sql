ALTER TABLE execution ADD COLUMN redrives TEXT;
CREATE TABLE kept (
    execution INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    stopped_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_stopped ON kept (stopped_at);
