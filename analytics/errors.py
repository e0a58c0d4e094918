"""The root of what can be wrong with a computation's inputs; each room's own tree is drawn in its `errors`.

::

    AnalyticsError
    ├── series.errors.SeriesError    readings, days and climatologies that do not fit together
    ├── farm.errors.FarmError        weather, crops, recipes, risks
    └── fish.errors.FishError        lots and classifiers
"""

from __future__ import annotations


class AnalyticsError(Exception):
    """Any of the errors of the analytics."""
