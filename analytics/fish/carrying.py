"""A composition carried on to the fish that came since, until there is time for a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError
from analytics.fish.proportions import LEVEL

if TYPE_CHECKING:
    from analytics.fish.composition import Composition


def carry(told: Composition, fish: int, *, seed: int = 0) -> Composition:
    """Carry a composition on.

    The further fish are drawn from each draw's shares, as one who has not seen their scores would: the
    interval is a little wider than it need be.

    Parameters
    ----------
    told : Composition
    fish : int
        In the lot by now.
    seed : int

    Raises
    ------
    ScoresError
        Fewer fish than before.

    Examples
    --------
    >>> from analytics.fish.composition import compose
    >>> from analytics.fish.events import tally
    >>> from analytics.fish.history import learn
    >>> told = compose(tally([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 10), learn([], 2))
    >>> more = carry(told, 50)
    >>> more.fish, bool(abs(more.share[0] - told.share[0]) < 0.02)
    (50, True)
    """
    new = fish - told.fish
    if new < 0:
        raise ScoresError("fish", f"{fish}, and {told.fish} before")
    counts = np.rint(told.draws * told.fish)
    drawn = np.random.default_rng(seed).multinomial(new, told.draws / told.draws.sum(axis=1, keepdims=True))
    shares = (counts + drawn) / fish
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return replace(told, fish=fish, share=shares.mean(axis=0), low=low, high=high, draws=shares)
