"""``worker``: forecasts and what else is computed, for production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analytics.jobs.worker import WorkerSettings, run
from deploy.cli.serve import require_url, serve

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

# The worker's own defaults hold for what is not set.
TUNING = {"worker_concurrency": "concurrency", "worker_shutdown_s": "shutdown_s"}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "worker",
        help="run one worker (production)",
        description="Computes forecasts, scores and risks: each morning, when a stage is observed, when late "
        "readings came. Needs CHIIKI_DATABASE_URL. Several may run side by side: give each its "
        "CHIIKI_WORKER_NAME.",
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace, settings: Settings) -> int:
    worker = worker_settings(settings)
    return serve(lambda stop: run(worker, stop), settings)


def worker_settings(settings: Settings) -> WorkerSettings:
    """Return the worker's settings out of the installation's."""
    given: dict[str, Any] = {
        theirs: getattr(settings, ours)
        for ours, theirs in TUNING.items()
        if getattr(settings, ours) is not None
    }
    return WorkerSettings(
        database_url=require_url(settings.database_url, "database_url"),
        process=settings.worker_name,
        **given,
    )
