"""A worker in a process of its own whose forecasts never end: to be killed in the middle of a job."""

from __future__ import annotations

import asyncio
import sys
import time

from analytics.jobs import forecasts
from analytics.jobs.worker import run
from tests.analytics.jobs.farm import Farm


def _never(*_: object, **__: object) -> None:
    time.sleep(3600)


if __name__ == "__main__":
    forecasts.forecast = _never
    asyncio.run(run(Farm(None, sys.argv[1]).settings("killed"), asyncio.Event()))
