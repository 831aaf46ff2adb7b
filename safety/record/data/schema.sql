-- Layout 2 of a record file. The script changes nothing where the layout is already there, so that several
-- processes may start on one new file. The triggers stop mishaps; the chain is what shows intent.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS entries (
    seq       INTEGER PRIMARY KEY CHECK (seq >= 1),
    record_id TEXT NOT NULL CHECK (typeof(record_id) = 'text'),
    prev_hash TEXT NOT NULL CHECK (typeof(prev_hash) = 'text' AND length(prev_hash) = 64),
    hash      TEXT NOT NULL CHECK (typeof(hash) = 'text' AND length(hash) = 64),
    entry     TEXT NOT NULL CHECK (typeof(entry) = 'text'),
    signature TEXT CHECK (signature IS NULL OR typeof(signature) = 'text')
);

CREATE TABLE IF NOT EXISTS head (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    hash  TEXT NOT NULL,
    count INTEGER NOT NULL
);

INSERT INTO head (id, seq, hash, count)
SELECT 1, 0, hex(zeroblob(32)), 0 WHERE NOT EXISTS (SELECT 1 FROM head);

-- INSERT OR REPLACE does not fire delete triggers by default; this one refuses it as well.
CREATE TRIGGER IF NOT EXISTS entries_only_append BEFORE INSERT ON entries
WHEN NOT EXISTS (SELECT 1 FROM head WHERE seq = NEW.seq - 1 AND hash = NEW.prev_hash)
BEGIN SELECT RAISE(ABORT, 'an entry must follow the head'); END;

CREATE TRIGGER IF NOT EXISTS entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;

CREATE TRIGGER IF NOT EXISTS entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;

CREATE TRIGGER IF NOT EXISTS head_one_row BEFORE INSERT ON head
WHEN EXISTS (SELECT 1 FROM head)
BEGIN SELECT RAISE(ABORT, 'there is one head'); END;

CREATE TRIGGER IF NOT EXISTS head_only_forward BEFORE UPDATE ON head
WHEN NEW.id <> OLD.id OR NEW.seq <> OLD.seq + 1 OR NEW.count <> OLD.count + 1
    OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'the head only follows an entry'); END;

CREATE TRIGGER IF NOT EXISTS head_no_delete BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the head is never deleted'); END;

PRAGMA application_id = 0x63627467;
PRAGMA user_version = 2;

COMMIT;
