-- What never changes is written once: what an execution was started from is beside its input, and long documents of
-- a frame are apart from it.

-- Format, seed and the like, without the input; null for executions that are older than this column.
ALTER TABLE executions ADD COLUMN start bytea;

-- Frames, and long documents of theirs: numbers as `RecordKey::number` gives them.
ALTER TABLE frames RENAME TO records;
ALTER TABLE records RENAME COLUMN frame TO part;
UPDATE records SET part = -8 * (part + 1);
UPDATE records SET part = -part;
