"""Sends past years' daily temperatures from a CSV file: columns day, tmin, tmax in deg C; empty: not known.

API=http://127.0.0.1:8800/api/v1 TOKEN=… python past_weather.py shihoro school-farm past.csv
"""

import csv
import json
import os
import sys
import urllib.request
from datetime import date, timedelta

MOST_DAYS = 3650  # a request may have 4,000


def read(path: str) -> dict[date, tuple[float | None, ...]]:
    """Read day -> (tmin, tmax)."""
    with open(path, newline="", encoding="utf-8-sig") as lines:
        return {
            date.fromisoformat(row["day"]): tuple(
                float(row[name]) if row[name].strip() else None for name in ("tmin", "tmax")
            )
            for row in csv.DictReader(lines)
        }


def send(lab: str, site: str, first: date, days: int, known: dict[date, tuple[float | None, ...]]) -> None:
    """Send so many days from the first on; days that are not in the file are not known."""
    values = [known.get(first + timedelta(days=number), (None, None)) for number in range(days)]
    body = {
        "first_day": first.isoformat(),
        "tmin_c": [low for low, _ in values],
        "tmax_c": [high for _, high in values],
    }
    request = urllib.request.Request(
        f"{os.environ['API']}/labs/{lab}/sites/{site}/past-weather",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        print(first, json.load(answer))


def main() -> None:
    """Send the whole file, ten years at a time."""
    lab, site, path = sys.argv[1:]
    known = read(path)
    first, last = min(known), max(known)
    while first <= last:
        days = min(MOST_DAYS, (last - first).days + 1)
        send(lab, site, first, days, known)
        first += timedelta(days=days)


if __name__ == "__main__":
    main()
