-- What people found out about single fish, and the images that units keep of some.

-- The last one of a fish that is not withdrawn holds. One that comes before its event waits for it: lot_id and
-- event_at are NULL until then.
CREATE TABLE verifications (
    id                    int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id             int4 NOT NULL REFERENCES devices (id),  -- the unit that sorted the fish
    event_boot_id         int4 REFERENCES sort_boots (id),
    event_seq             int8,
    event_id              uuid,                 -- where the unit names the event so
    event_at              timestamptz,
    lot_id                int4 REFERENCES lots (id),
    class                 text NOT NULL,        -- the true one
    method                text NOT NULL CHECK (method IN ('cut', 'palpation', 'dna', 'other')),
    operator              text NOT NULL DEFAULT '',
    selection_probability float8 NOT NULL CHECK (selection_probability > 0 AND selection_probability <= 1),
    reason                text NOT NULL CHECK (reason ~ '^[a-z][a-z0-9_]{0,31}$'),
    note                  text NOT NULL DEFAULT '',
    more                  jsonb,                -- what else the unit says
    at                    timestamptz NOT NULL,
    received_at           timestamptz NOT NULL,
    boot_id               int4 REFERENCES sort_boots (id),  -- with seq: its own number; NULL: from a person
    seq                   int8,
    digest                int8 NOT NULL DEFAULT 0,
    noted_by              int4 REFERENCES tokens (id),
    withdrawn_at          timestamptz,
    CHECK ((boot_id IS NULL) = (seq IS NULL)),
    CHECK ((event_boot_id IS NULL) = (event_seq IS NULL)),
    CHECK (event_boot_id IS NOT NULL OR event_id IS NOT NULL),
    CHECK ((event_at IS NULL) = (lot_id IS NULL))
);
CREATE UNIQUE INDEX verifications_sent ON verifications (boot_id, seq) WHERE boot_id IS NOT NULL;
CREATE INDEX verifications_event ON verifications (event_boot_id, event_seq);
CREATE INDEX verifications_lot ON verifications (lot_id, id);
CREATE INDEX verifications_device ON verifications (device_id, event_at);
CREATE INDEX verifications_waiting ON verifications (device_id) WHERE event_at IS NULL;

-- The bytes of an image once, however often and by whom it was sent; already compressed.
CREATE TABLE frame_bytes (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    data   bytea NOT NULL
);
ALTER TABLE frame_bytes ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE frames (
    id          int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   int4 NOT NULL REFERENCES devices (id),
    sha256      bytea NOT NULL,                 -- its bytes may be gone: frames.drop_frames
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    format      text NOT NULL CHECK (format IN ('png', 'zlib')),
    header      jsonb NOT NULL,                 -- dtype, shape, mm_per_px, depth_mm, …: as sent
    size_bytes  int4 NOT NULL,
    digest      int8 NOT NULL,                  -- of format and header
    dropped_at  timestamptz,                    -- when the bytes were
    UNIQUE (device_id, sha256, at)
);
CREATE INDEX frames_sha256 ON frames (sha256);
CREATE INDEX frames_received ON frames (received_at) WHERE dropped_at IS NULL;
