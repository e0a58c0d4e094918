"""Which bin a fish should go to, when to look at it by hand, and what a lot is worth.

The action is the one with the largest expected worth, ``argmax_a Σ_k p_k·U_ka`` [Berger1985], with calibrated
probabilities. Looking at it by hand is one more action: it gets the worth of the right bin, less what it
costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from analytics.fish.confusion import WholeArray
    from analytics.fish.events import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What to do with each fish.

    Attributes
    ----------
    action : int64[n]
        The bin; K bins, and K means "check by hand".
    worth : float64[n], yen
        Expected, of the best action.
    worth_of_check : float64[n], yen
        By how much knowing the fish's class would raise its worth: what a check may cost.
    """

    action: WholeArray
    worth: FloatArray
    worth_of_check: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a lot is worth.

    Attributes
    ----------
    mean, low, high : float, yen
        With the interval of `LEVEL`.
    of_class : float64[K], yen
        Mean of each class's part.
    draws : float64[G], yen
    """

    mean: float
    low: float
    high: float
    of_class: FloatArray
    draws: FloatArray


def payoffs(price: ArrayLike, *, claim: ArrayLike | float = 0.0) -> FloatArray:
    """Tell what a fish of each class brings in each bin.

    In the right bin its price; in a wrong one the lower of the two prices, as a buyer pays no more than for
    what the fish is, nor the seller gets more than the bin's price, less a claim.

    Parameters
    ----------
    price : float[K], yen per kg
        Of each class.
    claim : float or float[K, K], yen per kg
        What a fish of a class (rows) costs beside that in a wrong bin (columns).

    Returns
    -------
    float64[K, K], yen per kg

    Raises
    ------
    ScoresError
        Prices or claims that are not finite, or claims of another shape.

    Examples
    --------
    >>> payoffs([600.0, 200.0], claim=50.0).tolist()
    [[600.0, 150.0], [150.0, 200.0]]
    """
    paid = np.asarray(price, np.float64)
    cost = np.asarray(claim, np.float64)
    if paid.ndim != 1 or not np.isfinite(paid).all():
        raise ScoresError("price", "need one finite price a class")
    if cost.shape not in {(), (len(paid), len(paid))} or not np.isfinite(cost).all():
        raise ScoresError("claim", f"need one number, or one for each pair of {len(paid)} classes")
    wrong = np.minimum.outer(paid, paid) - cost
    return np.asarray(np.where(np.eye(len(paid), dtype=bool), np.diag(paid), wrong))


def decide(
    probabilities: ArrayLike,
    payoff: ArrayLike,
    *,
    check_cost: float | None = None,
    weight_kg: ArrayLike = 1.0,
) -> Decisions:
    """Tell the best action for each fish.

    Parameters
    ----------
    probabilities : float[n, K]
        Calibrated.
    payoff : float[K, K], yen per kg
        Of a fish of a class (rows) in a bin (columns).
    check_cost : float, yen, optional
        Of looking at one fish by hand; without it nobody does.
    weight_kg : float or float[n], kg

    Raises
    ------
    ScoresError
        Shapes that do not fit.

    Examples
    --------
    >>> told = decide([[0.95, 0.05], [0.6, 0.4]], payoffs([600.0, 200.0], claim=300.0), check_cost=100.0)
    >>> told.action.tolist()
    [0, 2]
    """
    p, u = np.asarray(probabilities, np.float64), np.asarray(payoff, np.float64)
    if p.ndim != 2 or u.shape != (p.shape[1], p.shape[1]):  # noqa: PLR2004
        raise ScoresError("payoff", f"has the shape {list(u.shape)}, the probabilities {list(p.shape)}")
    weight = np.broadcast_to(np.asarray(weight_kg, np.float64), len(p))
    expected = p @ u * weight[:, None]
    action, worth = expected.argmax(axis=1), expected.max(axis=1)
    known = p @ u.max(axis=1) * weight
    gain = known - worth
    if check_cost is not None:
        by_hand = gain > check_cost
        action, worth = np.where(by_hand, len(u), action), np.where(by_hand, known - check_cost, worth)
    return Decisions(action=action, worth=worth, worth_of_check=gain)


def threshold(loss: float, gain: float) -> float:
    """Tell the probability from which on the dearer of two bins is right, ``p* = c/(Δ + c)`` [Elkan2001].

    Parameters
    ----------
    loss : float
        c: what a fish of the cheaper class loses in the dearer bin.
    gain : float
        Δ: what a fish of the dearer class gains there.

    Examples
    --------
    >>> threshold(50.0, 450.0)
    0.1
    """
    return loss / (gain + loss)


def lot_value(
    draws: ArrayLike,
    fish: int,
    *,
    weight_kg: ArrayLike,
    price: ArrayLike,
    weight_se: ArrayLike = 0.0,
    level: float = LEVEL,
    seed: int = 0,
) -> Value:
    """Tell what a lot is worth if each fish is sold for what it is.

    Parameters
    ----------
    draws : float[G, K]
        Equally likely shares of the classes in the lot.
    fish : int
    weight_kg : float[K], kg
        Mean weight of a fish of each class.
    price : float[K], yen per kg
    weight_se : float or float[K], kg
        Standard error of `weight_kg`; its own share in the interval.
    level : float
    seed : int
        Of the weights that are drawn.

    Raises
    ------
    ScoresError
        Shapes that do not fit, weights that are not positive.

    Examples
    --------
    >>> round(lot_value([[0.5, 0.5]], 100, weight_kg=[4.0, 5.0], price=[600.0, 200.0]).mean)
    170000
    """
    share, paid = np.asarray(draws, np.float64), np.asarray(price, np.float64)
    mean = np.asarray(weight_kg, np.float64)
    if share.ndim != 2 or paid.shape != share.shape[1:] or mean.shape != paid.shape:  # noqa: PLR2004
        raise ScoresError(
            "price", f"{len(paid)} prices and {mean.size} weights for shares {list(share.shape)}"
        )
    relative = np.asarray(weight_se, np.float64) / mean
    if not (mean > 0).all() or not (relative >= 0).all():
        raise ScoresError("weight_kg", "weights must be above 0 and their errors not below")
    # Lognormal, as a weight is above 0: its mean is the weight, its relative spread that of the error.
    log_sd = np.sqrt(np.log1p(relative**2))
    normal = np.random.default_rng(seed).standard_normal(share.shape)
    parts = fish * share * paid * mean * np.exp(log_sd * normal - log_sd**2 / 2)
    total = parts.sum(axis=1)
    low, high = np.quantile(total, [(1 - level) / 2, (1 + level) / 2])
    return Value(
        mean=float(total.mean()), low=float(low), high=float(high), of_class=parts.mean(axis=0), draws=total
    )
