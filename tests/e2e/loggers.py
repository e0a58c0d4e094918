"""The greenhouse loggers' file as the messages its loggers would send, and what must be stored of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
import polars as pl

FILE = Path(__file__).parents[3] / "shared/data/loggers_greenhouse/loggers_long.parquet"
CHANNELS = {
    "Humidity (%)": "relative_humidity",
    "PAR (µmol/m²/s)": "photosynthetic_photon_flux",
    "Plant Temperature (°C)": "leaf_temperature",
    "Relative Humidity (%)": "relative_humidity",
    "Soil Temperature (°C)": "soil_temperature",
    "Solar radiation (klux)": "illuminance",
    "Substrate VWC (%)": "substrate_water_content",
    "Substrate temperature (°C)": "soil_temperature@substrate",
    "Temperature (°C)": "air_temperature",
    "Temperature 1 (°C)": "air_temperature@1",
    "Temperature 2 (°C)": "air_temperature@2",
    "Temperature 3 (°C)": "air_temperature@3",
    "Temperature 4 (°C)": "air_temperature@4",
    "Water Content 1 (m³/m³)": "soil_water_content@1",
    "Water Content 1 (m³/m³)_2": "soil_water_content@2",
}
GOOD = pl.col("at").is_not_null() & pl.col("value").is_not_null() & pl.col("value").is_not_nan()
SHAPES = ("sample", "list", "columns", "cbor")


@dataclass(frozen=True)
class Logger:
    """One logger: its device name, the rows of the file in sending order, the shape it sends."""

    name: str
    rows: pl.DataFrame  # channel, at (UTC or null), local (text), value, n (occurrence of channel and time)
    shape: str

    def messages(self) -> list[bytes]:
        """Encode every row of the file into payloads, each value exactly once."""
        return [_encode(part, self.shape) for part in _parts(_samples(self.rows), self.shape)]

    def stored(self) -> pl.DataFrame:
        """channel, at, value: what the database must hold (the first value of a time stays)."""
        good = self.rows.filter(GOOD)
        return good.unique(["channel", "at"], keep="first", maintain_order=True).select(
            "channel", "at", "value"
        )

    def refused(self) -> int:
        """How many values have no instant or are no number."""
        return self.rows.filter(~GOOD).height


def read_loggers() -> list[Logger]:
    """Read the file; local times that do not exist in Europe/Rome have no instant."""
    local = pl.col("timestamp")
    zone = {"ambiguous": "earliest", "non_existent": "null"}
    rows = pl.read_parquet(FILE).with_columns(
        name=pl.format("g{}-{}", "greenhouse", pl.col("logger").str.to_lowercase().str.replace_all("_", "-")),
        channel=pl.col("variable").replace_strict(CHANNELS),
        at=local.dt.replace_time_zone("Europe/Rome", **zone).dt.convert_time_zone("UTC"),
        local=local.dt.strftime("%Y-%m-%dT%H:%M:%S"),
    )
    rows = rows.with_columns(n=pl.int_range(pl.len()).over("name", "channel", "at", "local"))
    parts = rows.partition_by("name", maintain_order=True)
    return [_logger(part, SHAPES[i % len(SHAPES)]) for i, part in enumerate(parts)]


def _logger(rows: pl.DataFrame, shape: str) -> Logger:
    # A logger reads all its channels at once; the same time again is a new sample that comes later.
    ordered = rows.sort("n", "local", maintain_order=True)
    return Logger(rows["name"][0], ordered.select("channel", "at", "local", "value", "n"), shape)


def _samples(rows: pl.DataFrame) -> list[dict[str, Any]]:
    samples: dict[tuple[Any, ...], dict[str, Any]] = {}
    for channel, at, local, value, n in rows.iter_rows():
        ms = None if at is None else int(at.timestamp() * 1000)
        sample = samples.setdefault((n, local), {"at": local if ms is None else ms, "values": {}})
        sample["values"][channel] = value
    return list(samples.values())


def _parts(samples: list[dict[str, Any]], shape: str) -> list[list[dict[str, Any]]]:
    size = 1 if shape == "sample" else 20
    if shape != "columns":
        return [samples[i : i + size] for i in range(0, len(samples), size)]
    runs: list[list[dict[str, Any]]] = []
    for sample in samples:  # columns need the same channels in every row
        if not runs or len(runs[-1]) == 60 or runs[-1][0]["values"].keys() != sample["values"].keys():
            runs.append([])
        runs[-1].append(sample)
    return runs


def _encode(part: list[dict[str, Any]], shape: str) -> bytes:
    if shape == "sample":
        return json.dumps(part[0]).encode()
    if shape == "list":
        return json.dumps(part).encode()
    if shape == "cbor":
        return cbor2.dumps(part)
    values = {key: [sample["values"][key] for sample in part] for key in part[0]["values"]}
    return json.dumps({"at": [sample["at"] for sample in part], "values": values}).encode()
