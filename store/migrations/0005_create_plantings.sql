-- What is sown where, which stages were seen, and which plantings a forecast is due for.

CREATE TABLE fields (
    id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id    int4 NOT NULL REFERENCES sites (id),
    slug       text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name_ja    text NOT NULL,
    name_en    text NOT NULL,
    area_m2    float8 CHECK (area_m2 > 0 AND area_m2 < 'Infinity'),
    polygon    jsonb,                           -- GeoJSON Polygon, WGS 84
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, slug)
);

-- A cultivation recipe as a file, kept word for word. lab_id NULL: shipped with the code, every lab sees it.
CREATE TABLE recipes (
    id           int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lab_id       int4 REFERENCES labs (id),
    slug         text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    version      text NOT NULL CHECK (version ~ '^\d{1,9}\.\d{1,9}\.\d{1,9}$'),
    crop         text NOT NULL,
    cultivars    text[] NOT NULL DEFAULT '{}',  -- empty: whichever
    title_ja     text NOT NULL,
    title_en     text NOT NULL,
    body         text NOT NULL,                 -- TOML
    digest       bytea NOT NULL,                -- SHA-256 of body in UTF-8
    origin       jsonb NOT NULL,                -- where it comes from: a lab, a season, a publication
    imported_at  timestamptz NOT NULL DEFAULT now(),
    imported_by  int4 REFERENCES tokens (id),   -- NULL: from the command line
    withdrawn_at timestamptz
);
CREATE UNIQUE INDEX recipes_of_lab ON recipes (lab_id, slug, version) WHERE lab_id IS NOT NULL;
CREATE UNIQUE INDEX recipes_shipped ON recipes (slug, version) WHERE lab_id IS NULL;

CREATE TABLE plantings (
    id           int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    field_id     int4 NOT NULL REFERENCES fields (id),
    crop         text NOT NULL CHECK (crop ~ '^[a-z][a-z0-9_]{0,62}$'),
    cultivar     text NOT NULL DEFAULT '',      -- '': not known
    sown_on      date NOT NULL,                 -- or planted; a day of the site's time zone, as all days here
    label        text NOT NULL DEFAULT '',
    goal         text NOT NULL DEFAULT '',
    target_t_ha  float8 CHECK (target_t_ha > 0 AND target_t_ha < 'Infinity'),
    recipe_id    int4 REFERENCES recipes (id),
    station_id   int4 REFERENCES devices (id),  -- whose weather; NULL: that of the field's site
    ended_on     date CHECK (ended_on >= sown_on),
    yield_t_ha   float8 CHECK (yield_t_ha >= 0 AND yield_t_ha < 'Infinity'),
    outcome_note text NOT NULL DEFAULT '',
    simulated    bool NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   int4 REFERENCES tokens (id),   -- NULL: from the command line
    removed_at   timestamptz,                   -- a removed planting can be restored
    CHECK (ended_on IS NOT NULL OR yield_t_ha IS NULL)
);
CREATE UNIQUE INDEX plantings_once ON plantings (field_id, sown_on, crop, cultivar, label)
    WHERE removed_at IS NULL;
CREATE INDEX plantings_crop ON plantings (crop, id);

-- A correction withdraws one and notes another, so that what was believed when can be told.
CREATE TABLE stage_observations (
    id           int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    planting_id  int4 NOT NULL REFERENCES plantings (id),
    bbch         int2 NOT NULL CHECK (bbch BETWEEN 0 AND 99),
    observed_on  date NOT NULL,
    observer     text NOT NULL DEFAULT '',
    note         text NOT NULL DEFAULT '',
    noted_at     timestamptz NOT NULL DEFAULT now(),
    noted_by     int4 REFERENCES tokens (id),
    withdrawn_at timestamptz
);
CREATE INDEX stage_observations_planting ON stage_observations (planting_id, id);
CREATE UNIQUE INDEX stage_observations_open ON stage_observations (planting_id, bbch)
    WHERE withdrawn_at IS NULL;

-- A planting is due while `noted` is above `done`. Who computes reads `noted` first, and sets `done` to that:
-- what is noted meanwhile stays due.
CREATE TABLE planting_dues (
    planting_id int4 PRIMARY KEY REFERENCES plantings (id),
    noted       int8 NOT NULL DEFAULT 1,
    done        int8 NOT NULL DEFAULT 0 CHECK (done <= noted),
    since       timestamptz,                    -- the first note that is not done
    reasons     text[] NOT NULL DEFAULT '{}',
    not_before  timestamptz                     -- after a failure: try again then
) WITH (fillfactor = 60);
CREATE INDEX planting_dues_due ON planting_dues (since) WHERE noted > done;

-- Notes plantings, `self` among them for a reason of its own. All at once and ascending by id, so that those who note and
-- those who settle the same plantings do not deadlock.
CREATE FUNCTION note_dues(ids int4[], reason text, self int4 DEFAULT 0, own_reason text DEFAULT '')
RETURNS void LANGUAGE sql AS $$
    INSERT INTO planting_dues (planting_id, since, reasons)
    SELECT id, clock_timestamp(), ARRAY[CASE WHEN id = self THEN own_reason ELSE reason END]
    FROM plantings WHERE id = ANY(ids) AND ended_on IS NULL AND removed_at IS NULL
    ORDER BY id
    ON CONFLICT (planting_id) DO UPDATE SET
        noted = planting_dues.noted + 1,
        since = COALESCE(planting_dues.since, EXCLUDED.since),
        reasons = CASE WHEN planting_dues.reasons @> EXCLUDED.reasons THEN planting_dues.reasons
                       ELSE planting_dues.reasons || EXCLUDED.reasons END,
        not_before = NULL
$$;

-- Plantings and observations of a lab are noted one after the other: else a planting that begins while its
-- neighbour's observation is not yet committed would miss it.
CREATE FUNCTION take_turn_at_dues(lab int4) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(1667787113, lab)
$$;

CREATE FUNCTION note_observation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lab int4;
    sown text;
BEGIN
    SELECT s.lab_id, p.crop INTO lab, sown
    FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
    WHERE p.id = NEW.planting_id;
    PERFORM take_turn_at_dues(lab);
    PERFORM note_dues(ARRAY(
        SELECT p.id FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
        WHERE s.lab_id = lab AND p.crop = sown
    ), 'neighbour', NEW.planting_id, 'observation');
    RETURN NULL;
END
$$;
CREATE TRIGGER stage_observations_due AFTER INSERT OR UPDATE OF withdrawn_at ON stage_observations
    FOR EACH ROW EXECUTE FUNCTION note_observation();

CREATE FUNCTION note_planting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lab int4;
BEGIN
    SELECT s.lab_id INTO lab FROM fields f JOIN sites s ON s.id = f.site_id WHERE f.id = NEW.field_id;
    PERFORM take_turn_at_dues(lab);
    IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM stage_observations WHERE planting_id = NEW.id) THEN
        PERFORM note_dues(ARRAY(
            SELECT p.id FROM plantings p JOIN fields f ON f.id = p.field_id JOIN sites s ON s.id = f.site_id
            WHERE s.lab_id = lab AND p.crop IN (OLD.crop, NEW.crop)
        ), 'neighbour', NEW.id, 'planting');
    ELSE
        PERFORM note_dues(ARRAY[NEW.id], 'planting');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER plantings_begin AFTER INSERT ON plantings FOR EACH ROW EXECUTE FUNCTION note_planting();
CREATE TRIGGER plantings_change AFTER UPDATE ON plantings FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION note_planting();

-- Where a planting's weather comes from: its station's site, else its field's.
CREATE VIEW planting_sites AS
    SELECT p.id AS planting_id, f.site_id, COALESCE(d.site_id, f.site_id) AS weather_site_id
    FROM plantings p JOIN fields f ON f.id = p.field_id LEFT JOIN devices d ON d.id = p.station_id;

CREATE FUNCTION note_site() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_turn_at_dues(NEW.lab_id);
    PERFORM note_dues(ARRAY(
        SELECT planting_id FROM planting_sites WHERE site_id = NEW.id OR weather_site_id = NEW.id
    ), 'site');
    RETURN NULL;
END
$$;
CREATE TRIGGER sites_due AFTER UPDATE ON sites FOR EACH ROW
    WHEN ((OLD.latitude, OLD.longitude, OLD.elevation_m, OLD.timezone)
        IS DISTINCT FROM (NEW.latitude, NEW.longitude, NEW.elevation_m, NEW.timezone))
    EXECUTE FUNCTION note_site();

-- Workers listen here. Setting `done` alone says nothing.
CREATE FUNCTION notify_plantings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chiiki_plantings', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER planting_dues_notify AFTER INSERT OR UPDATE OF noted ON planting_dues
    FOR EACH STATEMENT EXECUTE FUNCTION notify_plantings();
