"""TimescaleDB, and the only room that speaks SQL: a module a noun, a named query above each function."""
