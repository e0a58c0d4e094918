-- When readings of a live message were last booked: a device that sends only duplicates is not silent.
-- NULL: none yet; messages without readings, retained ones and imports do not count.

ALTER TABLE ledger ADD COLUMN heard_at timestamptz;
