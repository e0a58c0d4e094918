"""A lot's composition where only verdicts are known, by the posterior of one confusion matrix.

For a square matrix draws are independent: ``Θ_k ~ Dir(V_k + 1)``, ``q ~ Dir(n + 1)``, ``π = Θ⁻ᵀq``, each
weighted by ``1[π in the simplex] / |det R|`` with R the rows of Θ less the last one, the change of variables
from q to π. Where the unit has more verdicts than classes (such as *doubtful*), or too few draws count,
chains of Gibbs sampling do it: their steps grow shorter with the lot, so they are for small ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

DRAWS = 20_000
REALISED = 1_000
ENOUGH_DRAWS = 200.0
CHAINS = 1_000
SWEEPS = 200
# One step of Gibbs moves a prevalence by about 1/√n; above it chains would not forget where they began.
LARGEST_FOR_GIBBS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixPosterior:
    """Equally likely compositions.

    Attributes
    ----------
    prevalence, share : float64[G, K]
        Of the sea the lot came from; of the lot itself.
    ess : float
    method : str
        ``exact draws`` or ``Gibbs``.
    """

    prevalence: FloatArray
    share: FloatArray
    ess: float
    method: str


def matrix_posterior(predicted: ArrayLike, confusion: ArrayLike, *, seed: int = 0) -> MatrixPosterior:
    """Draw compositions from verdicts and a confusion matrix.

    Parameters
    ----------
    predicted : int[C]
        The lot's fish by verdict.
    confusion : float[K, C]
        Verified fish by true class and verdict.
    seed : int

    Raises
    ------
    ScoresError
        Shapes that do not fit, or a lot too large for Gibbs sampling where nothing else serves.

    Examples
    --------
    >>> told = matrix_posterior([60, 40], [[90, 10], [20, 80]])
    >>> told.share.mean(axis=0).round(1).tolist()
    [0.6, 0.4]
    """
    seen, n = np.asarray(confusion, np.float64), np.asarray(predicted, np.int64)
    if seen.ndim != 2 or n.shape != seen.shape[1:] or n.sum() < 1:  # noqa: PLR2004
        raise ScoresError(
            "confusion", f"{list(seen.shape)} does not fit verdicts {list(n.shape)} of ≥ 1 fish"
        )
    rng = np.random.default_rng(seed)
    ess, method = 0.0, "exact draws"
    if seen.shape[0] == seen.shape[1]:
        theta, prevalence, ess = _exact(n, seen, rng)
    if ess < ENOUGH_DRAWS:
        if n.sum() > LARGEST_FOR_GIBBS:
            raise ScoresError("confusion", f"tells too little of {n.sum()} fish: {ess:.0f} effective draws")
        theta, prevalence = _gibbs(n, seen, rng)
        ess, method = float(CHAINS), "Gibbs"
    joint = (prevalence[:, :, None] * theta).transpose(0, 2, 1)
    joint /= joint.sum(axis=2, keepdims=True)
    counts = rng.multinomial(np.broadcast_to(n, joint.shape[:2]), joint).sum(axis=1)
    return MatrixPosterior(prevalence=prevalence, share=counts / n.sum(), ess=ess, method=method)


def _dirichlet(counts: FloatArray, size: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    gamma = rng.standard_gamma(np.broadcast_to(counts, (*size, *counts.shape)))
    return np.asarray(gamma / np.maximum(gamma.sum(axis=-1, keepdims=True), 1e-300))


def _exact(
    n: NDArray[np.int64], seen: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, float]:
    theta = _dirichlet(seen + 1.0, (DRAWS,), rng)
    q = _dirichlet(np.asarray(n, np.float64) + 1.0, (DRAWS,), rng)
    jacobian = np.abs(np.linalg.det((theta[:, :-1] - theta[:, -1:])[:, :, :-1]))
    usable = np.flatnonzero(jacobian > np.finfo(float).eps)
    solved = np.linalg.solve(theta[usable].transpose(0, 2, 1), q[usable, :, None])
    prevalence = np.asarray(solved[:, :, 0], np.float64)
    inside = (prevalence >= 0).all(axis=1)
    if not inside.any():
        return theta[:0], prevalence[:0], 0.0
    weight = np.asarray(1.0 / jacobian[usable][inside])
    weight /= weight.sum()
    places = (rng.random() + np.arange(REALISED)) / REALISED
    picked = np.searchsorted(np.cumsum(weight), places).clip(0, len(weight) - 1)
    return theta[usable][inside][picked], prevalence[inside][picked], float(1.0 / (weight**2).sum())


def _gibbs(n: NDArray[np.int64], seen: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    theta = _dirichlet(seen + 1.0, (CHAINS,), rng)
    prevalence = _dirichlet(np.ones(len(seen)), (CHAINS,), rng)
    for _ in range(SWEEPS):
        joint = (prevalence[:, :, None] * theta).transpose(0, 2, 1)
        joint /= joint.sum(axis=2, keepdims=True)
        member = rng.multinomial(np.broadcast_to(n, joint.shape[:2]), joint).transpose(0, 2, 1)
        theta = _dirichlet(seen + member + 1.0, (), rng)
        prevalence = _dirichlet(member.sum(axis=2) + 1.0, (), rng)
    return theta, prevalence
