"""How many more fish to check by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.fish.composition import Composition


def more_checks(told: Composition, *, width: float) -> NDArray[np.int64]:
    """Tell how many more fish, chosen at random, bring each class's 95 % interval to a wanted width.

    What is known now, of variance v, is joined with a difference estimator from m of the U unchecked fish,
    whose memberships vary by s² around what their scores say [Cochran1977]: ``1/v' = 1/v + m / ((1 −
    m/U)·s²·(U/n)²)``. With m = U nothing is left open.

    Parameters
    ----------
    told : Composition
    width : float, share
        E.g. 0.05 for five points.

    Returns
    -------
    int64[K]
        0 where the interval is narrow enough already.

    Raises
    ------
    ScoresError
        The width is not positive.

    Examples
    --------
    >>> from analytics.fish.composition import compose
    >>> from analytics.fish.events import tally
    >>> from analytics.fish.history import learn
    >>> told = compose(tally([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 10), learn([], 2))
    >>> more_checks(told, width=1.0).tolist()
    [0, 0]
    """
    if not width > 0:
        raise ScoresError("width", f"must be positive, not {width}")
    unchecked = told.fish - told.checked
    wanted = (width / (2 * normal_quantile(LEVEL))) ** 2
    now = told.draws.var(axis=0)
    spread = np.maximum(told.uncertain, 1e-12) * (unchecked / told.fish) ** 2
    gain = np.maximum(1 / wanted - 1 / np.maximum(now, 1e-300), 0.0)
    # m / ((1 − m/U)·spread) = gain, solved for m.
    needed = gain * spread / (1 + gain * spread / max(unchecked, 1))
    needed = np.where(told.high - told.low <= width, 0.0, needed)
    return np.asarray(np.minimum(np.ceil(needed - 1e-9), unchecked), np.int64)
