-- Executions that ended without success may be redriven, for a while.

-- How often it was redriven, as JSON; null if it never was, and never ended without success.
ALTER TABLE executions ADD COLUMN redrives text;

-- Those that have ended and may be redriven; their frames are kept, too.
CREATE TABLE kept (
    execution bigint PRIMARY KEY,
    revision bigint NOT NULL,
    head bytea NOT NULL,
    stopped_at bigint NOT NULL
);
CREATE INDEX kept_stopped ON kept (stopped_at, execution);
