-- The weather by days, what a lab's own forecast says of it, and days of which readings came late.

-- device_id 0: of the site, from all of its devices; else of that device alone.
CREATE TABLE daily_values (
    site_id     int4 NOT NULL REFERENCES sites (id),
    device_id   int4 NOT NULL DEFAULT 0,
    quantity    text NOT NULL,
    position    text NOT NULL DEFAULT '',
    day         date NOT NULL,                  -- of the site's time zone
    minimum     float8,                         -- NULL: not known
    mean        float8,
    maximum     float8,
    total       float8,
    n           int4 NOT NULL DEFAULT 0 CHECK (n >= 0),  -- readings it rests on
    coverage    float8 NOT NULL CHECK (coverage BETWEEN 0 AND 1),
    method      int2 NOT NULL,                  -- 0: measured; else how it was filled
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, device_id, quantity, position, day)
);

-- An issue is all rows of one site, source and issued_at; the later one takes its place.
CREATE TABLE weather_forecasts (
    site_id      int4 NOT NULL REFERENCES sites (id),
    source       text NOT NULL CHECK (source <> ''),
    issued_at    timestamptz NOT NULL,
    day          date NOT NULL,                 -- of the site's time zone
    tmin_c       float8 NOT NULL,
    tmax_c       float8 NOT NULL,
    rain_mm      float8 CHECK (rain_mm >= 0),
    radiation_mj float8 CHECK (radiation_mj >= 0),  -- global, MJ/m² a day
    noted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, source, issued_at, day),
    CHECK (tmin_c <= tmax_c)
);
CREATE FUNCTION note_weather() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_turn_at_dues(lab_id) FROM (
        SELECT DISTINCT s.lab_id FROM fresh JOIN sites s ON s.id = fresh.site_id ORDER BY s.lab_id
    ) labs_of_fresh;
    PERFORM note_dues(ARRAY(
        SELECT planting_id FROM planting_sites WHERE weather_site_id IN (SELECT site_id FROM fresh)
    ), 'weather_forecast');
    RETURN NULL;
END
$$;
CREATE TRIGGER weather_forecasts_due AFTER INSERT ON weather_forecasts
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION note_weather();

-- Days (UTC) of series whose readings were committed long after they were measured: what was computed from
-- these days is to be computed again. Whoever marks a day again gives it another mark.
CREATE SEQUENCE stale_marks;
CREATE TABLE stale_days (
    series_id int4 NOT NULL,
    day       date NOT NULL,
    mark      int8 NOT NULL DEFAULT nextval('stale_marks'),
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    noted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (series_id, day)
) WITH (fillfactor = 60);
CREATE TRIGGER stale_days_notify AFTER INSERT OR UPDATE ON stale_days
    FOR EACH STATEMENT EXECUTE FUNCTION notify_plantings();
