"""The glue: store to pure core to store, run by procrastinate on the same database."""
