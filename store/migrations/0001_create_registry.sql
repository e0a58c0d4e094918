-- Who and what there is: labs, their sites, devices and series, and who may ask.

CREATE TABLE labs (
    id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name_ja         text NOT NULL,
    name_en         text NOT NULL,
    bureau_ja       text NOT NULL DEFAULT '',
    bureau_en       text NOT NULL DEFAULT '',
    selection_round int2,                       -- of the METI selection; NULL for a lab added by hand
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sites (
    id          int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lab_id      int4 NOT NULL REFERENCES labs (id),
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name_ja     text NOT NULL,
    name_en     text NOT NULL,
    latitude    float8 CHECK (latitude BETWEEN -90 AND 90),
    longitude   float8 CHECK (longitude BETWEEN -180 AND 180),
    elevation_m float8,
    polygon     jsonb,                          -- GeoJSON Polygon, WGS 84
    timezone    text NOT NULL DEFAULT 'Asia/Tokyo',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (lab_id, slug),
    CHECK ((latitude IS NULL) = (longitude IS NULL))
);

-- `name` is the MQTT user name and the topic level: unique over all labs.
CREATE TABLE devices (
    id            int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{1,62}$' AND name NOT LIKE 'chiiki-%'),
    lab_id        int4 NOT NULL REFERENCES labs (id),
    site_id       int4 REFERENCES sites (id),
    kind          text NOT NULL,                -- a file in devices/kinds
    label         text NOT NULL DEFAULT '',
    simulated     bool NOT NULL DEFAULT false,
    password_hash text NOT NULL,                -- a mosquitto $7$ line: PBKDF2-SHA512
    created_at    timestamptz NOT NULL DEFAULT now(),
    rotated_at    timestamptz,
    revoked_at    timestamptz
);
CREATE INDEX devices_lab ON devices (lab_id, name);

-- Accounts of the services themselves (the gateways) on the broker.
CREATE TABLE service_accounts (
    name          text PRIMARY KEY CHECK (name LIKE 'chiiki-%'),
    password_hash text NOT NULL,
    rotated_at    timestamptz NOT NULL DEFAULT now()
);

-- One quantity of one device at one position, in the unit the device sends.
CREATE TABLE series (
    id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  int4 NOT NULL REFERENCES devices (id),
    quantity   text NOT NULL,
    position   text NOT NULL DEFAULT '',
    unit       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device_id, quantity, position, unit)
);

CREATE TABLE tokens (
    id           int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       bytea NOT NULL UNIQUE,         -- SHA-256 of 256 random bits: no stretching needed
    hint         text NOT NULL,                 -- the first characters, to recognise it by
    lab_id       int4 REFERENCES labs (id),     -- NULL: the whole installation
    role         text NOT NULL CHECK (role IN ('operator', 'staff', 'team', 'viewer')),
    label        text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CHECK ((role = 'operator') = (lab_id IS NULL))
);

-- Gateways and the renderer of broker accounts listen here, so that a new device works within a second.
CREATE FUNCTION notify_registry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('chiiki_registry', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER devices_notify AFTER INSERT OR UPDATE OR DELETE ON devices
    FOR EACH STATEMENT EXECUTE FUNCTION notify_registry();
CREATE TRIGGER service_accounts_notify AFTER INSERT OR UPDATE OR DELETE ON service_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION notify_registry();
