-- Workers anywhere take the tasks of activities.

-- Tasks that wait for workers, in the order in which they were offered.
CREATE TABLE offers (
    number bigint GENERATED ALWAYS AS IDENTITY,
    activity text NOT NULL,
    execution bigint NOT NULL,
    task bigint NOT NULL,
    -- Until when it is held for somebody who asked, by this server's clock.
    held timestamptz,
    PRIMARY KEY (execution, task)
);
-- Names may be longer than what an index holds.
CREATE INDEX offers_activity ON offers (hashtextextended(activity, 0), number);

-- Activities that were deleted, and what they are found by.
CREATE TABLE missing_activities (
    hash bytea PRIMARY KEY,
    activity text NOT NULL
);
