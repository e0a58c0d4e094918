-- What was forecast, how a field keeps to its recipe, and which risks are near.

-- A chain for each planting: a forecast takes the place of at most one other, and keeps as it was made.
CREATE TABLE forecasts (
    id             int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    planting_id    int4 NOT NULL REFERENCES plantings (id),
    supersedes     int8 UNIQUE REFERENCES forecasts (id),
    issued_on      date NOT NULL,               -- of the site's time zone
    made_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    model          text NOT NULL,
    model_version  text NOT NULL,
    data_end       timestamptz,                 -- of the last reading it rests on; NULL: none
    inputs_digest  bytea NOT NULL,
    body           jsonb NOT NULL,
    revised_at     timestamptz,                 -- when it was seen to rest on data that has changed since
    revised_reason text,
    CHECK ((revised_at IS NULL) = (revised_reason IS NULL))
);
CREATE INDEX forecasts_planting ON forecasts (planting_id, id);
CREATE UNIQUE INDEX forecasts_first ON forecasts (planting_id) WHERE supersedes IS NULL;

CREATE FUNCTION refuse_forecast_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a forecast keeps as it was made; only the mark of its revision may be set'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER forecasts_keep BEFORE UPDATE ON forecasts FOR EACH ROW
    WHEN (to_jsonb(OLD) - '{revised_at,revised_reason}'::text[]
        IS DISTINCT FROM to_jsonb(NEW) - '{revised_at,revised_reason}'::text[]
        OR OLD.revised_at IS NOT NULL)
    EXECUTE FUNCTION refuse_forecast_change();
CREATE TRIGGER forecasts_stay BEFORE DELETE ON forecasts FOR EACH ROW
    EXECUTE FUNCTION refuse_forecast_change();

CREATE TABLE recipe_scores (
    planting_id int4 NOT NULL REFERENCES plantings (id),
    recipe_id   int4 NOT NULL REFERENCES recipes (id),
    day         date NOT NULL,
    score       float8,                         -- 0 to 100; NULL: not known
    coverage    float8 NOT NULL CHECK (coverage BETWEEN 0 AND 1),
    body        jsonb NOT NULL,
    PRIMARY KEY (planting_id, recipe_id, day)
);
CREATE TABLE recipe_deviations (
    planting_id int4 NOT NULL REFERENCES plantings (id),
    recipe_id   int4 NOT NULL REFERENCES recipes (id),
    begin_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL,
    quantity    text NOT NULL,                  -- as the recipe names it, with its position
    measure     text NOT NULL DEFAULT '',       -- time of day and window, as the recipe has them
    direction   text NOT NULL CHECK (direction IN ('low', 'high')),
    grade       text NOT NULL CHECK (grade IN ('tolerable', 'harmful')),
    depth       float8 NOT NULL CHECK (depth >= 0),  -- greatest, in the quantity's unit
    body        jsonb NOT NULL,
    PRIMARY KEY (planting_id, recipe_id, begin_at, quantity, measure, direction),
    CHECK (begin_at < end_at)
);

CREATE TABLE risk_indices (
    planting_id int4 NOT NULL REFERENCES plantings (id),
    risk        text NOT NULL,
    day         date NOT NULL,
    value       float8,                         -- NULL: not known; the reason says why
    accumulated float8,
    level       text NOT NULL,
    coverage    float8 NOT NULL CHECK (coverage BETWEEN 0 AND 1),
    reason      text NOT NULL DEFAULT '',
    PRIMARY KEY (planting_id, risk, day)
);
