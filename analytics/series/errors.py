"""What can be wrong with a time series.

::

    SeriesError
    ├── LengthError          arrays that belong together differ in length
    ├── TimeZoneError        a name that is not in the IANA database
    └── ClimatologyError     too few days to tell what is normal
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class SeriesError(AnalyticsError):
    """Something is wrong with a time series."""


class LengthError(SeriesError):
    """Arrays that belong together differ in length."""

    def __init__(self, lengths: dict[str, int]) -> None:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        super().__init__(f"these must have the same length: {told}")
        self.lengths = lengths


class TimeZoneError(SeriesError):
    """The time zone is unknown."""

    def __init__(self, timezone: str) -> None:
        super().__init__(f"there is no time zone {timezone!r}: use an IANA name such as 'Asia/Tokyo'")
        self.timezone = timezone


class ClimatologyError(SeriesError):
    """There are too few days to tell what is normal."""

    def __init__(self, months: int, needed_months: int, days: int, needed_days: int) -> None:
        super().__init__(
            f"a climatology needs {needed_days} days and each of {needed_months} months, "
            f"these are {days} days in {months} months"
        )
        self.months = months
        self.days = days
