-- When readings of a live message were last booked: a device that sends only duplicates is not silent.
-- NULL: none yet. Imports do not count, nor messages without readings, such as status.

ALTER TABLE ledger ADD COLUMN heard_at timestamptz;
