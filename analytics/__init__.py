"""Arrays in, arrays out: what becomes of readings. Only `jobs` knows a database, only `library` a file."""
