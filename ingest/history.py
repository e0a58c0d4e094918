"""Files of history, CSV or Parquet, long or wide, as pieces of columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from ingest.backfill import Fault, Piece
from ingest.errors import ImportRefused
from ingest.shown import clean, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.registry import Sender

TIME_NAMES: Final = ("at", "time", "timestamp", "datetime", "date_time", "date")
READINGS_A_PIECE: Final = 50_000
ROW, AT, AT_TEXT, AT_LOCAL, KEY, VALUE, VALUE_TEXT = (
    "_row",
    "_at",
    "_at_text",
    "_local",
    "_key",
    "_value",
    "_text",
)
_UNITS_US: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is to be read.

    Attributes
    ----------
    time : str | None
        Column of times; None: the only one with a usual name.
    zone : str | None
        IANA name of the zone of times without an offset.
    repeated : "reject" | "earliest" | "latest"
        Which one is meant of a time that the clocks showed twice.
    unit : "s" | "ms" | "us"
        Of times that are numbers.
    long : tuple[str, str] | None
        Columns of the channel and of the value; None: each column is a channel.
    keys : dict[str, str]
        Channel for a column (or for an entry of the long format's first column); "" leaves it out.
    where : dict[str, str]
        Only rows that have this text in this column.
    missing : tuple[str, ...]
        Texts that stand for no value; an empty cell always does.
    """

    time: str | None = None
    zone: str | None = None
    repeated: Literal["reject", "earliest", "latest"] = "reject"
    unit: Literal["s", "ms", "us"] = "ms"
    long: tuple[str, str] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class History:
    """A file that is about to be taken in.

    Raises
    ------
    ImportRefused
        The file cannot be read, or the layout does not fit it; names the columns there are.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._layout = layout
        try:
            self._frame = _open(path)
            self.columns = self._frame.collect_schema().names()
            self.rows = int(self._frame.select(pl.len()).collect().item())
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ImportRefused(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from None
        self._check_zone()
        self.time = self._find_time()
        self._check_columns([self.time, *(layout.long or ()), *layout.where])
        if layout.long is None:
            self._check_columns(list(layout.keys))

    @property
    def channels(self) -> dict[str, str]:
        """Channel by column, of a wide file."""
        taken = {self.time, *self._layout.where}
        named = {name: self._layout.keys.get(name, name) for name in self.columns if name not in taken}
        return {name: key for name, key in named.items() if key}

    def check_channels(self, sender: Sender) -> None:
        """Refuse a wide file with columns that are no channels of the device's kind.

        Raises
        ------
        ImportRefused
            Names the column and how to name its channel or leave it out.
        """
        if self._layout.long is None:
            for column, key in self.channels.items():
                refusal = sender.refuse(key)
                if refusal is not None:
                    hint = f"map it as {column}=QUANTITY, or leave it out as {column}="
                    raise ImportRefused(f"column {column!r}: {refusal[1]}; {hint}")

    def pieces(self) -> Iterator[Piece]:
        """Give the file's readings, in the order of its rows.

        Raises
        ------
        ImportRefused
            A row cannot be read; what came before it may be taken in already, and does no harm.
        """
        try:
            yield from self._read()
        except pl.exceptions.PolarsError as error:
            told = str(error).splitlines()[0]
            raise ImportRefused(
                f"the file cannot be read to its end: {told}; mend it, then import it again"
            ) from None

    def _read(self) -> Iterator[Piece]:
        width = 1 if self._layout.long else max(1, len(self.channels))
        frame = self._frame.with_row_index(ROW, offset=1)
        for column, text in self._layout.where.items():
            frame = frame.filter(pl.col(column).cast(pl.String) == text)
        size = max(1, READINGS_A_PIECE // width)
        for batch in frame.collect_batches(chunk_size=size, maintain_order=True):
            for part in batch.iter_slices(size):
                yield self._to_piece(part)

    def _to_piece(self, frame: pl.DataFrame) -> Piece:
        cells = self._melt(frame).with_columns(self._read_time(frame.schema[self.time]))
        cells = cells.filter(pl.col(VALUE_TEXT).is_not_null()).sort(ROW, maintain_order=True)
        keys = cells[KEY].unique(maintain_order=True)
        number = (
            cells.select(pl.col(KEY).replace_strict(keys, range(len(keys)), return_dtype=pl.Int64))
            if len(keys)
            else None
        )
        return Piece(
            keys=keys.to_list(),
            key=np.zeros(0, np.int64) if number is None else number.to_series().to_numpy(),
            at=cells[AT].fill_null(0).to_numpy(),
            value=cells[VALUE].fill_null(0.0).to_numpy(),
            row=cells[ROW].cast(pl.Int64).to_numpy(),
            faults=self._find_faults(cells),
        )

    def _melt(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give one row a cell: row, time, channel, value as text and as number."""
        if self._layout.long:
            variable, value = self._layout.long
            named = pl.col(variable).cast(pl.String).fill_null("")
            parts = [
                frame.select(
                    ROW, self.time, named.replace(self._layout.keys).alias(KEY), *self._read_value(value)
                )
            ]
        else:
            parts = [
                frame.select(ROW, self.time, pl.lit(key).alias(KEY), *self._read_value(name))
                for name, key in self.channels.items()
            ]
        return pl.concat(parts).filter(pl.col(KEY) != "") if self._layout.keys else pl.concat(parts)

    def _read_value(self, name: str) -> tuple[pl.Expr, pl.Expr]:
        text = pl.col(name).cast(pl.String).str.strip_chars()
        text = pl.when(text.is_in(["", *self._layout.missing])).then(None).otherwise(text)
        return text.alias(VALUE_TEXT), text.cast(pl.Float64, strict=False).alias(VALUE)

    def _read_time(self, kind: pl.DataType) -> list[pl.Expr]:
        """Give time as µs since 1970 (null: bad), as text, and as local time where no offset is told."""
        column = pl.col(self.time)
        text = column.cast(pl.String)
        if kind.is_numeric():
            at = (column.cast(pl.Float64) * _UNITS_US[self._layout.unit]).round().cast(pl.Int64, strict=False)
            return [at.alias(AT), text.alias(AT_TEXT), pl.lit(None, pl.Datetime("us")).alias(AT_LOCAL)]
        if isinstance(kind, pl.Datetime):
            local = pl.lit(None, pl.Datetime("us")) if kind.time_zone else column.cast(pl.Datetime("us"))
            aware = (
                column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
                if kind.time_zone
                else self._localise(local)
            )
        else:
            text = _normalise(text)
            local = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
            told = text.str.to_datetime(
                "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False
            )
            aware = pl.coalesce(told, self._localise(local))
            text = column.cast(pl.String)
        number = text.cast(pl.Int64, strict=False) * _UNITS_US[self._layout.unit]
        at = pl.coalesce(aware.cast(pl.Int64), number)
        return [at.alias(AT), text.alias(AT_TEXT), local.alias(AT_LOCAL)]

    def _localise(self, local: pl.Expr) -> pl.Expr:
        if self._layout.zone is None:
            return pl.lit(None, pl.Datetime("us", "UTC"))
        repeated: Literal["null", "earliest", "latest"] = "null"
        if self._layout.repeated != "reject":
            repeated = self._layout.repeated
        there = local.dt.replace_time_zone(self._layout.zone, ambiguous=repeated, non_existent="null")
        return there.dt.convert_time_zone("UTC")

    def _find_faults(self, cells: pl.DataFrame) -> dict[int, Fault]:
        bad = cells.with_row_index("_place").filter(pl.col(AT).is_null() | pl.col(VALUE).is_null())
        faults = {}
        for place, at, at_text, local, key, value, text in bad.select(
            "_place", AT, AT_TEXT, AT_LOCAL, KEY, VALUE, VALUE_TEXT
        ).iter_rows():
            raw_at = (at_text or "") if at is None else None
            raw_value = text if value is None else None
            if at is None:
                faults[place] = Fault(
                    "bad_time", self._explain(at_text, local is not None), raw_at, raw_value
                )
            else:
                faults[place] = Fault("not_a_number", f"{clean(key)} is {show(text)}", raw_at, raw_value)
        return faults

    def _explain(self, text: str | None, is_local: bool) -> str:
        if not is_local:
            return f"at is {show(text)}: no time that can be read"
        if self._layout.zone is None:
            return f"at is {show(text)}: the offset is missing, tell the time zone"
        return f"at is {show(text)}: in {self._layout.zone} the clocks showed it twice or not at all"

    def _find_time(self) -> str:
        if self._layout.time is not None:
            return self._layout.time
        usual = [name for name in self.columns if name.lower() in TIME_NAMES]
        if len(usual) != 1:
            raise ImportRefused(f"name the column of times; there are {', '.join(self.columns)}")
        return usual[0]

    def _check_columns(self, names: list[str]) -> None:
        for name in names:
            if name not in self.columns:
                raise ImportRefused(f"there is no column {name!r}; there are {', '.join(self.columns)}")

    def _check_zone(self) -> None:
        try:
            ZoneInfo(self._layout.zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise ImportRefused(f"there is no time zone {self._layout.zone!r}; one is Asia/Tokyo") from None


def _open(path: Path) -> pl.LazyFrame:
    if path.suffix.lower() in {".parquet", ".pq"}:
        return pl.scan_parquet(path)
    return pl.scan_csv(path, infer_schema=False, encoding="utf8")


def _normalise(text: pl.Expr) -> pl.Expr:
    """Write the usual ways to note a time in one way: 2026-04-01T09:30:00+09:00."""
    return (
        text.str.strip_chars()
        .str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "${1}-${2}-${3}")
        .str.replace(r"^(\S+?)[ Tt]+(\d{1,2}:\d\d)", "${1}T${2}")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})$", "${1}T00:00")
        .str.replace(r"[zZ]$", "+00:00")
        .str.replace(r"(:\d\d(?:\.\d+)?)\s*([+-]\d\d)(\d\d)$", "${1}${2}:${3}")
        .str.replace(r"T(\d{1,2}:\d\d)([+-]|$)", "T${1}:00${2}")
    )
