"""Real PostgreSQL + TimescaleDB and real mosquitto, without root and without touching the system."""
