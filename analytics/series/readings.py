"""Which readings of a series are used, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.series.errors import LengthError
from devices.model import Quality

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class UsableReadings:
    """What is used of a series, in order of time, and when the others were.

    Attributes
    ----------
    at : int64[n], Unix time in µs
    value : float64[n]
    left_out_at : int64[m], Unix time in µs
        Readings left out for their quality or because they are no numbers.
    """

    at: NDArray[np.int64]
    value: NDArray[np.float64]
    left_out_at: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        at: NDArray[np.int64] | NDArray[np.datetime64],
        value: ArrayLike,
        quality: ArrayLike | None = None,
        *,
        with_suspect: bool = False,
    ) -> UsableReadings:
        """Keep good readings and those not evaluated; suspect ones only where told; never fail or missing.

        Parameters
        ----------
        at : int64[k], Unix time in µs, or datetime64[k] in UTC
            In any order.
        value : float64[k]
        quality : int16[k] | None
            `devices.model.Quality`.
        with_suspect : bool

        Returns
        -------
        UsableReadings

        Raises
        ------
        LengthError
            The arrays differ in length.

        Examples
        --------
        >>> got = UsableReadings.of(np.array([30, 10, 20]), [3.0, 1.0, 2.0], [1, 2, 4])
        >>> got.at.tolist(), got.value.tolist(), got.left_out_at.tolist()
        ([10, 30], [1.0, 3.0], [20])
        """
        at_us = at.astype("datetime64[us]").astype(np.int64) if at.dtype.kind == "M" else at.astype(np.int64)
        values = np.asarray(value, np.float64)
        flags = np.full(len(at_us), Quality.GOOD) if quality is None else np.asarray(quality)
        if not len(at_us) == len(values) == len(flags):
            raise LengthError({"at": len(at_us), "value": len(values), "quality": len(flags)})
        worst = Quality.SUSPECT if with_suspect else Quality.NOT_EVALUATED
        used = (flags >= Quality.GOOD) & (flags <= worst) & np.isfinite(values)
        order = np.argsort(at_us[used], kind="stable")
        return cls(at_us[used][order], values[used][order], np.sort(at_us[~used]))
