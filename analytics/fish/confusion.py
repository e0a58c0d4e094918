"""The confusion matrix: how many fish of each class were called each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.errors import ScoresError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analytics.fish.events import FloatArray

    WholeArray = NDArray[np.int64]

# The largest number of classes whose pairs one byte numbers.
BYTE_CLASSES = 16


def confusion(
    true: ArrayLike, called: ArrayLike, classes: int, *, weight: FloatArray | None = None
) -> FloatArray:
    """Count fish by their true class and by what the unit called them.

    Parameters
    ----------
    true, called : int[n], 0…K − 1
    classes : int
        K.
    weight : float64[n], optional
        How many fish each stands for.

    Returns
    -------
    float64[K, K]
        Rows: true class; columns: called.

    Raises
    ------
    ScoresError
        Classes that do not exist, or lengths that differ.

    Examples
    --------
    >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    rows, columns = class_indices(true, classes, "true"), class_indices(called, classes, "called")
    if rows.shape != columns.shape:
        raise ScoresError("called", f"{len(columns)} fish, and {len(rows)} true classes")
    kind = np.dtype(np.uint8 if classes <= BYTE_CLASSES else np.int64)
    pair = rows.astype(kind)
    pair *= classes
    pair += columns.astype(kind)
    return np.bincount(pair, weight, minlength=classes**2).reshape(classes, classes).astype(np.float64)


def class_indices(given: ArrayLike, classes: int, name: str) -> WholeArray:
    """Check that an array numbers classes.

    Raises
    ------
    ScoresError
        Not one-dimensional, not whole numbers, or outside 0…K − 1.

    Examples
    --------
    >>> class_indices([0, 1], 2, "true").tolist()
    [0, 1]
    """
    found = np.asarray(given)
    if found.ndim != 1 or not (np.issubdtype(found.dtype, np.integer) or not found.size):
        raise ScoresError(name, f"need whole numbers in a row, not {found.dtype}{list(found.shape)}")
    # Seen as unsigned, a negative number is a large one: one pass tells both.
    if found.size and int(found.view(f"u{found.dtype.itemsize}").max()) >= classes:
        raise ScoresError(name, f"must be 0…{classes - 1}")
    return found if found.size else found.astype(np.int64)
