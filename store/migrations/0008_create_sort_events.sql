-- What fish-sorting units tell: their lots, an event for each fish, and what is added up of them meanwhile.

-- A boot of a unit as a number. Who stores events locks the rows of their boots: that makes (unit, boot, seq)
-- unique, which no index of the hypertable can, since it has to hold `at`.
CREATE TABLE sort_boots (
    id        int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id int4 NOT NULL REFERENCES devices (id),
    boot      text NOT NULL,
    seqs      int8multirange NOT NULL DEFAULT '{}',  -- no event is stored whose number is not in here
    events    int8 NOT NULL DEFAULT 0,
    first_at  timestamptz,                      -- of its events, by device time
    last_at   timestamptz,
    UNIQUE (device_id, boot)
) WITH (fillfactor = 60);

CREATE TABLE sort_models (
    id          int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model       text NOT NULL,
    calibration text NOT NULL,
    UNIQUE (model, calibration)
);

-- A lot begins with the first fish that names it.
CREATE TABLE lots (
    id            int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lab_id        int4 NOT NULL REFERENCES labs (id),
    device_id     int4 NOT NULL REFERENCES devices (id),
    code          text NOT NULL CHECK (code <> ''),  -- as the unit names it
    product       text NOT NULL,                -- a file in devices/products
    classes       text[] NOT NULL CHECK (cardinality(classes) >= 2),  -- what sort_events.class counts, from 0
    species       text NOT NULL DEFAULT '',
    landing_place text NOT NULL DEFAULT '',
    landed_at     timestamptz,
    opened_at     timestamptz NOT NULL,         -- of its first fish to arrive
    closed_at     timestamptz,
    prices        jsonb NOT NULL DEFAULT '{}',  -- by class, yen/kg
    note          text NOT NULL DEFAULT '',
    simulated     bool NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device_id, code),
    CHECK (closed_at >= opened_at)
);
CREATE INDEX lots_lab ON lots (lab_id, id);

CREATE TABLE sort_events (
    boot_id        int4 NOT NULL,
    seq            int8 NOT NULL,
    device_id      int4 NOT NULL,
    lot_id         int4 NOT NULL,
    model_id       int4 NOT NULL,
    at             timestamptz NOT NULL,        -- when the unit says it happened
    received_at    timestamptz NOT NULL,
    fish           int4,                        -- number within the lot
    class          int2 NOT NULL,               -- index into lots.classes: what the classifier says
    probabilities  float4[] NOT NULL,           -- in the order of lots.classes
    coupling       float4,
    weight_g       float4,
    fork_length_mm float4,
    spine_ratio    float4,
    latency_ms     float4,
    bin_commanded  text,
    bin_confirmed  text,
    frame          bytea,                       -- SHA-256 of frames
    id             uuid,                        -- a ULID
    more           jsonb,                       -- what else the unit says
    digest         int8 NOT NULL,               -- of all that was sent: tells equal from different
    PRIMARY KEY (boot_id, seq, at)
);
SELECT create_hypertable('sort_events', by_range('at', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX sort_events_lot ON sort_events (lot_id, at);
CREATE INDEX sort_events_device ON sort_events (device_id, at);
CREATE INDEX sort_events_id ON sort_events (id) WHERE id IS NOT NULL;

-- Fish of a lot whose scores are alike. Sums, so that they grow with each batch and a checked fish can be
-- taken out again.
CREATE TABLE lot_cells (
    lot_id     int4 NOT NULL REFERENCES lots (id),
    model_id   int4 NOT NULL REFERENCES sort_models (id),
    class      int2 NOT NULL,
    cell       int2[] NOT NULL,                 -- devices.scores: log-odds of each class, in steps
    fish       int8 NOT NULL,
    scores     float8[] NOT NULL,               -- sum of the log-odds of each class
    weight_n   int8 NOT NULL,
    weight_sum float8 NOT NULL,
    weight_sq  float8 NOT NULL,
    length_n   int8 NOT NULL,
    length_sum float8 NOT NULL,
    length_sq  float8 NOT NULL,
    misplaced  int8 NOT NULL,                   -- confirmed in another bin than commanded
    placed     int8 NOT NULL,                   -- commanded and confirmed
    PRIMARY KEY (lot_id, model_id, class, cell)
) WITH (fillfactor = 60);

-- A unit's course, by ten minutes of device time.
CREATE TABLE unit_spans (
    device_id   int4 NOT NULL REFERENCES devices (id),
    begin_at    timestamptz NOT NULL,
    model_id    int4 NOT NULL REFERENCES sort_models (id),
    class       int2 NOT NULL,
    product     text NOT NULL,
    fish        int8 NOT NULL,
    score_sum   float8 NOT NULL,                -- of the probability of the class it was given
    score_sq    float8 NOT NULL,
    coupling_n  int8 NOT NULL,
    coupling_sum float8 NOT NULL,
    latency_n   int8 NOT NULL,
    latency_sum float8 NOT NULL,
    misplaced   int8 NOT NULL,
    placed      int8 NOT NULL,
    PRIMARY KEY (device_id, begin_at, model_id, class, product)
) WITH (fillfactor = 60);

-- How far a lot has come. It is due while `noted` is above `done`, as in planting_dues.
CREATE TABLE lot_progress (
    lot_id     int4 PRIMARY KEY REFERENCES lots (id),
    events     int8 NOT NULL DEFAULT 0,
    first_at   timestamptz,
    last_at    timestamptz,
    noted      int8 NOT NULL DEFAULT 1,
    done       int8 NOT NULL DEFAULT 0 CHECK (done <= noted),
    since      timestamptz,                     -- the first note that is not done
    reasons    text[] NOT NULL DEFAULT '{}',
    not_before timestamptz
) WITH (fillfactor = 60);
CREATE INDEX lot_progress_due ON lot_progress (since) WHERE noted > done;

-- Workers listen here. Setting `done` alone says nothing.
CREATE FUNCTION notify_lots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chiiki_lots', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER lot_progress_notify AFTER INSERT OR UPDATE OF noted ON lot_progress
    FOR EACH STATEMENT EXECUTE FUNCTION notify_lots();
