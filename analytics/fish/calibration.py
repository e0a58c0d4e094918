"""A unit's calibration: a versioned object, fitted to checked fish, that replaces another only if better.

Raw probabilities stay as they came; a calibration is applied to them on the way out. Whether one is better is
told on fish that it was not fitted to: parts of the checked fish are left out in turn, whole sessions where
these are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import kish
from analytics.fish.recalibration import Bcts, Isotonic, fit_bcts, fit_isotonic
from analytics.fish.reliability import fish_of, losses

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

Method = Literal["bcts", "isotonic"]

FOLDS = 5
# Fewer checked fish make no calibration: assumed; an effective number.
LEAST_FISH = 30
# Standard errors by which the mean log-loss must fall, as in the one-standard-error rule [Breiman1984].
BETTER_BY_SE = 1.0


_FITS: Final[dict[str, Callable[[FloatArray, NDArray[np.int64], FloatArray], Bcts | Isotonic]]] = {
    "bcts": fit_bcts,
    "isotonic": fit_isotonic,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a unit's probabilities are corrected.

    Attributes
    ----------
    version : int
        Counted up with each that replaces another.
    method : {'bcts', 'isotonic'}
    map : Bcts or Isotonic
    fitted_at : datetime
    fish : int
        Checked fish it was fitted to.
    effective_fish : float
        What they are worth, given how they were chosen.
    log_loss, uncalibrated_log_loss : float
        On fish left out of the fit, with and without it.
    """

    version: int
    method: Method
    map: Bcts | Isotonic
    fitted_at: datetime
    fish: int
    effective_fish: float
    log_loss: float
    uncalibrated_log_loss: float

    def apply(self, probabilities: ArrayLike) -> FloatArray:
        """Correct probabilities, float64[n, K]."""
        return self.map.apply(np.asarray(probabilities, np.float64))

    def parameters(self) -> dict[str, Any]:
        """Give what is to be stored of the map, as JSON can hold it."""
        if isinstance(self.map, Bcts):
            return {"slope": self.map.slope, "bias": list(self.map.bias)}
        said, found = ([list(one) for one in curves] for curves in (self.map.said, self.map.found))
        return {"said": said, "found": found, "least": self.map.least}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """No new calibration.

    Attributes
    ----------
    reason : str
    log_loss, present_log_loss : float
        Of the rejected one and of what is in use, on fish left out of the fit; not-a-number where none was
        fitted.
    """

    reason: str
    log_loss: float = np.nan
    present_log_loss: float = np.nan


def stored_map(method: str, parameters: dict[str, Any]) -> Bcts | Isotonic:
    """Read a map from what `Calibration.parameters` gave.

    Raises
    ------
    ScoresError
        No such method, or parameters missing.

    Examples
    --------
    >>> stored_map("bcts", {"slope": 0.5, "bias": [0.1, 0.0]}).slope
    0.5
    """
    try:
        if method == "bcts":
            return Bcts(slope=float(parameters["slope"]), bias=tuple(map(float, parameters["bias"])))
        if method == "isotonic":
            said, found = (tuple(tuple(map(float, c)) for c in parameters[key]) for key in ("said", "found"))
            return Isotonic(said=said, found=found, least=float(parameters["least"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ScoresError("parameters", f"{error!r} in those of a calibration") from error
    raise ScoresError("method", f"{method!r} is none of {', '.join(get_args(Method))}")


def calibrate(
    probabilities: ArrayLike,
    true: ArrayLike,
    *,
    fitted_at: datetime,
    chance: ArrayLike | None = None,
    session: ArrayLike | None = None,
    method: Method = "bcts",
    present: Calibration | None = None,
    seed: int = 0,
) -> Calibration | Kept:
    """Fit a calibration, and give it if it is better than what is in use.

    Parameters
    ----------
    probabilities : float[n, K]
        Of the checked fish, raw.
    true : int[n]
    fitted_at : datetime
    chance : float[n], optional
        By which each fish was chosen to be checked: it counts one over it.
    session : int[n], optional
        Fish of one session are left out together.
    method : {'bcts', 'isotonic'}
    present : Calibration, optional
        In use now; without it the raw probabilities are.
    seed : int
        Of the parts that are left out in turn.

    Returns
    -------
    Calibration, or Kept where there are too few fish or it is not better.

    Raises
    ------
    ScoresError
        Shapes that do not fit, classes that do not exist, chances outside 0…1.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> calibrate([[0.9, 0.1]] * 5, [0] * 5, fitted_at=datetime(2026, 1, 1, tzinfo=UTC)).reason
    'too few checked fish: worth 5, at least 30'
    """
    given = None if chance is None else _weights(chance)
    p, k, share = fish_of(probabilities, true, given)
    worth = kish(share)
    if worth < LEAST_FISH:
        return Kept(reason=f"too few checked fish: worth {worth:.0f}, at least {LEAST_FISH}")
    fit = _FITS[method]
    fold = _folds(len(p), session, np.random.default_rng(seed))
    outside = np.empty(len(p))
    for each in np.unique(fold):
        out = fold == each
        kept = share[~out]
        outside[out] = losses(fit(p[~out], k[~out], kept / kept.sum() * kish(kept)).apply(p[out]), k[out])
    raw = losses(p, k)
    in_use = raw if present is None else losses(present.apply(p), k)
    new, old = float(share @ outside), float(share @ in_use)
    gain = in_use - outside
    error = float(np.sqrt(share**2 @ (gain - (old - new)) ** 2))
    if not old - new > BETTER_BY_SE * error:
        reason = f"not better: log-loss {new:.4f} on fish left out, {old:.4f} with what is in use"
        return Kept(reason=reason, log_loss=new, present_log_loss=old)
    return Calibration(
        version=1 if present is None else present.version + 1,
        method=method,
        map=fit(p, k, share * worth),
        fitted_at=fitted_at,
        fish=len(p),
        effective_fish=worth,
        log_loss=new,
        uncalibrated_log_loss=float(share @ raw),
    )


def _weights(chance: ArrayLike) -> FloatArray:
    given = np.asarray(chance, np.float64)
    if not ((given > 0) & (given <= 1)).all():
        raise ScoresError("chance", "must be above 0 and at most 1")
    return np.asarray(1 / given)


def _folds(n: int, session: ArrayLike | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal fish, or sessions where there are at least two, into parts."""
    if session is None:
        return rng.permutation(n) % FOLDS
    _, which = np.unique(np.asarray(session), return_inverse=True)
    count = int(which.max()) + 1
    if count == 1:
        return rng.permutation(n) % FOLDS
    return np.asarray((rng.permutation(count) % FOLDS)[which])
