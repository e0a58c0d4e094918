"""Versions of a recipe: what changed, and which number comes next.

A version is ``major.minor.patch``. Another crop, other stages or a quantity no longer looked at make old and
new scores incomparable: major. Other limits, more quantities or other work: minor. Words, sources and people:
patch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from analytics.farm.recipes.render import digest

if TYPE_CHECKING:
    from analytics.farm.recipes.model import Channel, Recipe, Stage

Change = Literal["none", "patch", "minor", "major"]


def judge_change(old: Recipe, new: Recipe) -> Change:
    """Tell how far one recipe is from another, their versions aside."""
    if digest(old) == digest(replace(new, version=old.version)):
        return "none"
    if _frame(old) != _frame(new) or _channels(old) - _channels(new):
        return "major"
    return "minor" if _substance(old) != _substance(new) else "patch"


def next_version(old: Recipe, new: Recipe) -> str:
    """Tell the version that `new` should carry as the successor of `old`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from analytics import library
    >>> wheat = library.recipe("wheat")
    >>> next_version(replace(wheat, version="1.4.2"), replace(wheat, author="Shihoro"))
    '1.4.3'
    """
    major, minor, patch = (int(part) for part in old.version.split("."))
    change = judge_change(old, new)
    if change == "major":
        return f"{major + 1}.0.0"
    if change == "minor":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + (change == 'patch')}"


def _frame(recipe: Recipe) -> object:
    return recipe.crop, [(stage.name, stage.bbch_from, stage.bbch_to) for stage in recipe.stages]


def _channels(recipe: Recipe) -> set[tuple[str, Channel]]:
    return {(stage.name, part.channel) for stage in recipe.stages for part in stage.ranges}


def _substance(recipe: Recipe) -> object:
    return recipe.cultivars, [(_limits(stage), _work(stage)) for stage in recipe.stages]


def _limits(stage: Stage) -> object:
    return {part.channel: (part.unit, part.limits) for part in stage.ranges}


def _work(stage: Stage) -> object:
    return {work.name: (work.at, work.from_day, work.to_day) for work in stage.work}
