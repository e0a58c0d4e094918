"""A fish market in a real database: sorting units, lots of known truth, fish that are sorted and checked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from analytics.jobs.app import build_app
from analytics.jobs.desk import Desk
from store.devices import add_device
from store.labs import add_lab
from store.sort_batch import add_items
from store.sort_rows import SortEvent
from store.verifications import add_verification

if TYPE_CHECKING:
    from store.pool import AsyncConnectionPool

LAB = "kuji"
CLASSES = ("milt", "roe", "other")
SHARES = np.array([0.45, 0.45, 0.1])


def sense(
    true: np.ndarray, rng: np.random.Generator, *, sharpness: float = 2.5, boast: float = 1.0
) -> np.ndarray:
    """What a classifier says of fish: float64[n, K], calibrated for equal shares if it does not boast."""
    z = rng.normal(0, 1, (len(true), len(CLASSES)))
    z[np.arange(len(true)), true] += sharpness
    p = np.exp(boast * sharpness * z)
    return p / p.sum(axis=1, keepdims=True)


@dataclass
class Market:
    """Handles on what was put into the database."""

    pool: AsyncConnectionPool
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    devices: dict[str, int] = field(default_factory=dict)
    true: dict[tuple[str, int], int] = field(default_factory=dict)
    seq: int = 0

    @classmethod
    async def make(cls, pool: AsyncConnectionPool, units: int = 1) -> Market:
        market = cls(pool)
        async with pool.connection() as conn:
            await add_lab(conn, slug=LAB, name_ja="久慈", name_en="Kuji")
            for n in range(units):
                device = await add_device(
                    conn, name=f"{LAB}-echo-{n}", lab=LAB, kind="echo-unit", site=None, password_hash="x"
                )
                market.devices[device.name] = device.id
        return market

    def desk(self) -> Desk:
        return Desk(pool=self.pool, app=build_app())

    def events(
        self,
        device: str,
        lot: str,
        fish: int,
        *,
        first_at: float | None = None,
        every_s: float = 0.2,
        shares: np.ndarray = SHARES,
        sharpness: float = 2.5,
        boast: float = 1.0,
        model: str = "m1",
    ) -> list[SortEvent]:
        """Fish of a lot, one after the other; their truth is kept in `true`."""
        true = self.rng.choice(len(shares), fish, p=shares)
        probabilities = sense(true, self.rng, sharpness=sharpness, boast=boast)
        begin = (time.time() - fish * every_s if first_at is None else first_at) * 1e6
        made = []
        for n in range(fish):
            self.seq += 1
            self.true[lot, self.seq] = int(true[n])
            made.append(
                SortEvent(
                    device_id=self.devices[device],
                    boot="b1",
                    seq=self.seq,
                    at=int(begin + n * every_s * 1e6),
                    received=int(time.time() * 1e6),
                    lot=lot,
                    product="cod-sex",
                    species="cod",
                    classes=CLASSES,
                    cls=int(probabilities[n].argmax()),
                    probabilities=tuple(probabilities[n].tolist()),
                    model=model,
                    calibration="",
                    digest=self.seq,
                    fish=n + 1,
                    weight_g=float(self.rng.normal(3000, 300)),
                    bin_commanded="a",
                    bin_confirmed="a",
                )
            )
        return made

    async def sort(self, device: str, lot: str, fish: int, **how: object) -> int:
        """Sort fish and store them; gives the lot's number."""
        events = self.events(device, lot, fish, **how)
        async with self.pool.connection() as conn:
            await add_items(conn, events)
            cursor = await conn.execute("SELECT id FROM lots WHERE code = %s", [lot])
            return (await cursor.fetchone())[0]

    async def check(self, lot: str, count: int, *, reason: str = "random", wrong: bool = False) -> None:
        """Check fish of a lot by hand, chosen at random; `wrong` says what is not so."""
        async with self.pool.connection() as conn:
            cursor = await conn.execute(
                "SELECT e.boot_id, e.seq, l.code FROM sort_events e JOIN lots l ON l.id = e.lot_id"
                " WHERE l.code = %s ORDER BY e.seq",
                [lot],
            )
            rows = await cursor.fetchall()
            for place in self.rng.choice(len(rows), count, replace=False):
                boot_id, seq, _ = rows[place]
                true = (self.true[lot, seq] + wrong) % len(CLASSES)
                await add_verification(
                    conn,
                    boot_id=boot_id,
                    seq=seq,
                    cls=CLASSES[true],
                    method="cut",
                    selection_probability=count / len(rows),
                    reason=reason,
                )

    def share(self, lot: str) -> np.ndarray:
        """What the lot really holds."""
        true = np.array([cls for (name, _), cls in self.true.items() if name == lot])
        return np.bincount(true, minlength=len(CLASSES)) / len(true)
