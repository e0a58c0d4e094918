"""All that a database needs before any process works on it: our tables, the queue's, and shipped recipes."""

from __future__ import annotations

from store import migrate
from store.recipes import put_shipped_recipes


def prepare_database(url: str) -> list[str]:
    """Bring a database to this version; safe to repeat, and by several at once.

    Returns
    -------
    list[str]
        What was applied now: names of migrations, those of the queue behind ``jobs:``, recipes behind
        ``recipe:``.

    Raises
    ------
    StoreError
        As `store.migrate.migrate` and `analytics.jobs.schema.prepare`.
    """
    # Here, since each command loads this module and few of them call it.
    from analytics.jobs import schema  # noqa: PLC0415
    from deploy.shipped import shipped_recipes  # noqa: PLC0415

    applied = migrate.migrate(url)
    applied += [f"jobs:{name}" for name in schema.prepare(url)]
    return applied + [f"recipe:{name}" for name in put_shipped_recipes(url, shipped_recipes())]
