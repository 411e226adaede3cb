-- Everything that is known of executions, and their state while they are open.

-- Each definition once, by its SHA-256.
CREATE TABLE definitions (
    hash bytea PRIMARY KEY,
    definition text NOT NULL
);

-- What never changes about an execution, and how it ended.
CREATE TABLE executions (
    -- In the order they were started.
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Its ARN.
    id text NOT NULL UNIQUE,
    name text NOT NULL,
    machine text NOT NULL,
    definition bytea NOT NULL REFERENCES definitions,
    input text NOT NULL,
    -- RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    status text NOT NULL,
    -- What it came to, as JSON; null while it is open.
    outcome text,
    -- Milliseconds since 1970, by the clocks of the runtimes.
    started_at bigint NOT NULL,
    stopped_at bigint
);
CREATE INDEX executions_machine ON executions (machine, number);
CREATE INDEX executions_status ON executions (status, number);
CREATE INDEX executions_stopped ON executions (stopped_at, number) WHERE stopped_at IS NOT NULL;
CREATE INDEX executions_definition ON executions (definition);

-- Who drives executions, and until when it is believed to be alive, by this server's clock; null is for ever.
CREATE TABLE owners (
    id uuid PRIMARY KEY,
    until timestamptz
);

-- The executions that are open. A step changes no column that is in an index, so that it costs none.
CREATE TABLE states (
    execution bigint PRIMARY KEY,
    revision bigint NOT NULL,
    head bytea NOT NULL,
    -- When it has something to do: milliseconds since 1970, or 0 for at once.
    due bigint,
    -- The same while nobody owns it, mail included; null while somebody does.
    wake bigint,
    owner uuid,
    -- How many posted events wait for it.
    mail integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX states_wake ON states (wake, execution) WHERE wake IS NOT NULL;
CREATE INDEX states_owner ON states (owner, execution) WHERE owner IS NOT NULL;
CREATE INDEX states_mail ON states (owner, execution) WHERE mail > 0;

CREATE TABLE frames (
    execution bigint,
    frame bigint,
    record bytea NOT NULL,
    PRIMARY KEY (execution, frame)
) WITH (fillfactor = 70);

-- One row for each step that has events.
CREATE TABLE history (
    execution bigint,
    first bigint,
    last bigint NOT NULL,
    events bytea NOT NULL,
    PRIMARY KEY (execution, first)
);

-- Task tokens by their SHA-256; those that were retired stay known.
CREATE TABLE tokens (
    hash bytea PRIMARY KEY,
    execution bigint NOT NULL,
    task bigint NOT NULL,
    activity boolean NOT NULL,
    open boolean NOT NULL DEFAULT true
) WITH (fillfactor = 90);
CREATE INDEX tokens_execution ON tokens (execution);

-- Events that were posted, and what became of them.
CREATE TABLE inbox (
    execution bigint,
    number bigint GENERATED ALWAYS AS IDENTITY,
    -- JSON; null once it was handled.
    event text,
    accepted boolean,
    PRIMARY KEY (execution, number)
);
