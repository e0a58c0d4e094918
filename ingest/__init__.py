"""Bytes from the air into committed rows."""
