-- Layout 1 of a record in PostgreSQL. It is laid out once, in one transaction. Entries are only added: nobody
-- but the owner has more than is granted, the owner's own rights are cut down, and triggers stop the rest of
-- the mishaps. Who owns the tables can undo all that; the chain is what shows intent.
CREATE SCHEMA cbtguard_record;

CREATE TABLE cbtguard_record.layout (
    version integer NOT NULL
);

CREATE TABLE cbtguard_record.entries (
    seq       bigint PRIMARY KEY CHECK (seq >= 1),
    record_id text COLLATE "C" NOT NULL,
    prev_hash text COLLATE "C" NOT NULL CHECK (length(prev_hash) = 64),
    hash      text COLLATE "C" NOT NULL CHECK (length(hash) = 64),
    entry     text COLLATE "C" NOT NULL,
    signature text COLLATE "C"
);

CREATE TABLE cbtguard_record.head (
    id    integer PRIMARY KEY CHECK (id = 1),
    seq   bigint NOT NULL,
    hash  text COLLATE "C" NOT NULL,
    count bigint NOT NULL
);

INSERT INTO cbtguard_record.layout (version) VALUES (1);
INSERT INTO cbtguard_record.head (id, seq, hash, count) VALUES (1, 0, repeat('0', 64), 0);

-- A writer needs no right on the head: the head follows the entry by itself, with the owner's rights.
CREATE FUNCTION cbtguard_record.follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE cbtguard_record.head SET seq = NEW.seq, hash = NEW.hash, count = count + 1
    WHERE id = 1 AND seq = NEW.seq - 1 AND hash = NEW.prev_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an entry must follow the head' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION cbtguard_record.refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the record is never changed' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER entries_only_append BEFORE INSERT ON cbtguard_record.entries
FOR EACH ROW EXECUTE FUNCTION cbtguard_record.follow();

CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON cbtguard_record.entries
FOR EACH STATEMENT EXECUTE FUNCTION cbtguard_record.refuse();

-- The only change of the head is the one that comes from inside the trigger above.
CREATE TRIGGER head_only_forward BEFORE UPDATE ON cbtguard_record.head
FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION cbtguard_record.refuse();

CREATE TRIGGER head_one_row BEFORE INSERT OR DELETE OR TRUNCATE ON cbtguard_record.head
FOR EACH STATEMENT EXECUTE FUNCTION cbtguard_record.refuse();

REVOKE ALL ON SCHEMA cbtguard_record FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA cbtguard_record FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cbtguard_record FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON cbtguard_record.entries FROM CURRENT_USER;
REVOKE INSERT, DELETE, TRUNCATE ON cbtguard_record.head FROM CURRENT_USER;
