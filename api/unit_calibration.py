"""The calibrations of a unit, applied on the way out: what was sent stays as it was."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.fish.calibration import stored_map
from analytics.fish.recalibration import Bcts, Isotonic
from store.lots import Lot
from store.pool import AsyncConnection
from store.unit_watches import list_calibrations


@dataclass(frozen=True, slots=True)
class MapsOfUnit:
    """The newest calibration of each model of the classifier, by the model's name."""

    maps: Mapping[str, Bcts | Isotonic]

    @classmethod
    async def read(cls, conn: AsyncConnection, lot: Lot) -> "MapsOfUnit":
        """Read those of a lot's unit and product."""
        rows = await list_calibrations(conn, lot.device_id, lot.product)
        newest = {row.model: row for row in reversed(rows)}
        return cls({name: stored_map(row.method, row.parameters) for name, row in newest.items()})

    def correct(self, model: str, probabilities: Mapping[str, float]) -> dict[str, float] | None:
        """Correct a fish's probabilities; None where its model has no calibration."""
        curve = self.maps.get(model)
        if curve is None:
            return None
        corrected = curve.apply(np.array([list(probabilities.values())]))[0]
        return dict(zip(probabilities, corrected.tolist(), strict=True))
