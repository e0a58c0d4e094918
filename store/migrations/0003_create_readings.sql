-- What devices measured, and the account of every message.

CREATE TABLE readings (
    series_id   int4 NOT NULL,
    at          timestamptz NOT NULL,           -- when the device says it happened
    received_at timestamptz NOT NULL,           -- when it reached the gateway
    value       float8 NOT NULL,                -- as sent, in the series' unit
    quality     int2 NOT NULL,                  -- QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing
    PRIMARY KEY (series_id, at)
);
SELECT create_hypertable('readings', by_range('at', INTERVAL '7 days'), create_default_indexes => false);

-- The reading that arrived last, per series; refreshed at most once a second by a gateway.
CREATE TABLE series_latest (
    series_id   int4 PRIMARY KEY,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value       float8 NOT NULL,
    quality     int2 NOT NULL
) WITH (fillfactor = 60);

-- Readings per device and hour of receipt. device_id 0: senders that are not registered.
CREATE TABLE ledger (
    device_id    int4 NOT NULL,
    hour         timestamptz NOT NULL,
    messages     int8 NOT NULL DEFAULT 0 CHECK (messages >= 0),
    received     int8 NOT NULL DEFAULT 0 CHECK (received >= 0),
    committed    int8 NOT NULL DEFAULT 0 CHECK (committed >= 0),
    duplicate    int8 NOT NULL DEFAULT 0 CHECK (duplicate >= 0),
    conflicting  int8 NOT NULL DEFAULT 0 CHECK (conflicting >= 0),
    quarantined  int8 NOT NULL DEFAULT 0 CHECK (quarantined >= 0),
    min_delay_ms int8,                          -- least receipt minus device time: the clock's offset shows here
    PRIMARY KEY (device_id, hour),
    CONSTRAINT ledger_balances CHECK (received = committed + duplicate + conflicting + quarantined)
) WITH (fillfactor = 60);

-- What could not be stored, raw. The same message again is the same row, seen once more.
CREATE TABLE quarantine (
    id          int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,          -- of topic, payload and reason
    device_id   int4 NOT NULL,                  -- 0: not registered
    topic       text NOT NULL,
    payload     bytea NOT NULL,
    origin      text NOT NULL DEFAULT 'mqtt',   -- mqtt | import
    reason      text NOT NULL,                  -- one of ingest.errors.REASONS
    detail      text NOT NULL,                  -- what to mend, for a person
    rejected    int4[],                         -- which readings of the message, in its own order; NULL: all of it
    readings    int4 NOT NULL,                  -- as the ledger counts them, each time it is seen
    received_at timestamptz NOT NULL,           -- the first time
    seen_at     timestamptz NOT NULL,           -- the last time
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed')),
    replayed_at timestamptz,
    outcome     jsonb
);
CREATE INDEX quarantine_device ON quarantine (device_id, id);
CREATE INDEX quarantine_open ON quarantine (id) WHERE state = 'open';

-- In which hours a quarantined message was counted, so that a replay mends exactly those.
CREATE TABLE quarantine_sightings (
    quarantine_id int8 NOT NULL REFERENCES quarantine (id) ON DELETE CASCADE,
    hour          timestamptz NOT NULL,
    pending       int8 NOT NULL,                -- sightings not replayed yet
    PRIMARY KEY (quarantine_id, hour)
);

-- Which sequence numbers of a boot are in the database or in quarantine.
CREATE TABLE device_boots (
    device_id  int4 NOT NULL REFERENCES devices (id),
    boot       text NOT NULL,
    seqs       int8multirange NOT NULL DEFAULT '{}',
    given_up   int8multirange NOT NULL DEFAULT '{}',  -- the device says that it no longer has them
    first_at   timestamptz NOT NULL DEFAULT now(),
    last_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot)
) WITH (fillfactor = 60);

CREATE TABLE device_status (
    device_id   int4 PRIMARY KEY REFERENCES devices (id),
    online      bool,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL
);

-- A file taken in by `import`, so that progress and a second run can be told.
CREATE TABLE imports (
    id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  int4 NOT NULL REFERENCES devices (id),
    file_name  text NOT NULL,
    digest     bytea NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    outcome    jsonb
);

-- What the API wants of a gateway: asked for here, heard through NOTIFY.
CREATE TABLE requests (
    id           int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lab_id       int4 REFERENCES labs (id),
    verb         text NOT NULL CHECK (verb IN ('replay')),
    argument     jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    requested_at timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    outcome      jsonb
);
CREATE INDEX requests_waiting ON requests (id) WHERE state = 'waiting';
CREATE FUNCTION notify_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chiiki_requests', NEW.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER requests_notify AFTER INSERT ON requests
    FOR EACH ROW EXECUTE FUNCTION notify_request();

-- What each running process says of itself; the API serves these as metrics.
CREATE TABLE heartbeats (
    process    text PRIMARY KEY,                -- e.g. gateway-1
    pid        int4 NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at    timestamptz NOT NULL,
    metrics    jsonb NOT NULL
);
