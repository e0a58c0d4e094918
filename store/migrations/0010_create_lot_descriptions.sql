-- What was computed of lots and of the units that sorted them, and which fish people were asked to check.

-- The newest, and the last one of each hour before.
CREATE TABLE lot_descriptions (
    lot_id        int4 NOT NULL REFERENCES lots (id),
    hour          timestamptz NOT NULL,         -- in which it was made
    made_at       timestamptz NOT NULL,
    mark          int8 NOT NULL,                -- of lot_progress: what it knew of
    events        int8 NOT NULL,                -- fish it knew of
    model_version text NOT NULL,
    inputs_digest bytea NOT NULL,
    body          jsonb NOT NULL,
    draws         bytea NOT NULL,               -- equally likely counts of fish by class: int32, one draw after the other
    PRIMARY KEY (lot_id, hour)
);

-- Fish that a person was asked to check, with the probability by which they were chosen.
CREATE TABLE lot_samples (
    id                    int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lot_id                int4 NOT NULL REFERENCES lots (id),
    boot_id               int4 NOT NULL REFERENCES sort_boots (id),
    seq                   int8 NOT NULL,
    selection_probability float8 NOT NULL CHECK (selection_probability > 0 AND selection_probability <= 1),
    reason                text NOT NULL,
    drawn_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    drawn_by              int4 REFERENCES tokens (id)
);
CREATE INDEX lot_samples_lot ON lot_samples (lot_id, id);
CREATE INDEX lot_samples_event ON lot_samples (boot_id, seq, id);

-- How far a unit is watched, for each product it sorts. It is due while `noted` is above `done`.
CREATE TABLE unit_watches (
    device_id  int4 NOT NULL REFERENCES devices (id),
    product    text NOT NULL,
    noted      int8 NOT NULL DEFAULT 1,
    done       int8 NOT NULL DEFAULT 0 CHECK (done <= noted),
    urgent     bool NOT NULL DEFAULT false,     -- a check came or a chart is begun anew, not only fish
    watched_at timestamptz,
    not_before timestamptz,
    body       jsonb,                           -- quality, calibration, and what the charts rest on
    PRIMARY KEY (device_id, product)
) WITH (fillfactor = 60);

CREATE TRIGGER unit_watches_notify AFTER INSERT OR UPDATE OF urgent ON unit_watches FOR EACH ROW
    WHEN (NEW.urgent) EXECUTE FUNCTION notify_lots();

-- Where a unit's control charts stand; they go on from here.
CREATE TABLE unit_charts (
    device_id int4 NOT NULL REFERENCES devices (id),
    product   text NOT NULL,
    chart     text NOT NULL CHECK (chart IN ('confidence', 'mistakes')),
    model_id  int4 NOT NULL REFERENCES sort_models (id),
    start     jsonb,                            -- what is usual; NULL while too little is known
    state     jsonb,
    begun_at  timestamptz NOT NULL,             -- fish from then on belong to its start period
    upto_at   timestamptz,                      -- the last fish it has seen
    upto_boot int4,
    upto_seq  int8,
    PRIMARY KEY (device_id, product, chart)
);

CREATE TABLE unit_alarms (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       int4 NOT NULL REFERENCES devices (id),
    product         text NOT NULL,
    chart           text NOT NULL,
    moved           text NOT NULL,              -- what moved, e.g. confidence_down
    class           text NOT NULL DEFAULT '',   -- of which fish; '': of all
    size            float8 NOT NULL,
    since           timestamptz NOT NULL,       -- when the change seems to have begun
    opened_at       timestamptz NOT NULL,       -- of the fish at which the chart crossed its limit
    noted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    acknowledged_at timestamptz,
    acknowledged_by int4 REFERENCES tokens (id),
    answer          text NOT NULL DEFAULT '',
    cleared_at      timestamptz,                -- when its chart was begun anew
    UNIQUE (device_id, product, chart, moved, class, opened_at)
);
CREATE INDEX unit_alarms_device ON unit_alarms (device_id, id);

CREATE TABLE unit_calibrations (
    device_id             int4 NOT NULL REFERENCES devices (id),
    product               text NOT NULL,
    model_id              int4 NOT NULL REFERENCES sort_models (id),
    version               int4 NOT NULL,
    method                text NOT NULL,
    parameters            jsonb NOT NULL,
    fitted_at             timestamptz NOT NULL,
    fish                  int4 NOT NULL,
    effective_fish        float8 NOT NULL,
    log_loss              float8 NOT NULL,
    uncalibrated_log_loss float8 NOT NULL,
    PRIMARY KEY (device_id, product, model_id, version)
);

-- Counts whatever happens to a unit's verifications, so that who keeps them in memory sees that they changed.
CREATE TABLE unit_checks (
    device_id int4 PRIMARY KEY REFERENCES devices (id),
    changes   int8 NOT NULL DEFAULT 1
) WITH (fillfactor = 60);
CREATE FUNCTION count_check_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unit_checks AS u (device_id) SELECT DISTINCT device_id FROM changed ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET changes = u.changes + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER verifications_count_new AFTER INSERT ON verifications REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_check_changes();
CREATE TRIGGER verifications_count_old AFTER UPDATE ON verifications REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_check_changes();
