from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from analytics import library
from analytics.farm.errors import RecipeError
from analytics.farm.recipes.parse import parse_recipe
from deploy.errors import SettingsError
from store.errors import StoreConflict, StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]


def test_shipped_recipes_are_there_for_every_lab(ask: Ask, tell: Callable[..., str]) -> None:
    found = {recipe["slug"]: recipe for recipe in ask("recipe", "list", "--lab", "kaga")}
    assert found.keys() == library.recipes().keys()
    assert all(recipe["lab"] is None for recipe in found.values())
    assert library.recipe("wheat").title.ja in tell("recipe", "list", "--crop", "wheat")


def test_a_recipe_is_handed_on_from_farm_to_farm(
    ask: Ask, tell: Callable[..., str], command: Callable[..., int], tmp_path: Path
) -> None:
    file = tmp_path / "小麦.toml"
    assert tell("recipe", "export", "wheat", "--file", file) == f"wrote {file}\n"
    assert parse_recipe(file.read_text(encoding="utf-8")) == library.recipe("wheat")
    for _ in range(2):
        stored = ask("recipe", "import", file, "--lab", "kaga")
        assert (stored["lab"], stored["slug"]) == ("kaga", "wheat")
    assert [recipe["lab"] for recipe in ask("recipe", "list", "--lab", "kaga", "--crop", "wheat")] == [
        None,
        "kaga",
    ]
    assert tell("recipe", "export", "wheat", "--lab", "kaga") == file.read_text(encoding="utf-8")
    changed = file.read_text(encoding="utf-8").replace(library.recipe("wheat").title.ja, "うちの小麦")
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(StoreConflict, match="already a recipe 'kaga/wheat"):
        command("recipe", "import", file, "--lab", "kaga")
    said = tell("recipe", "import", file, "--lab", "hakusan")
    assert "うちの小麦" in said
    assert "changed after it was handed on" in said


def test_what_is_no_recipe_is_refused_in_one_line(command: Callable[..., int], tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    with pytest.raises(SettingsError, match="cannot read"):
        command("recipe", "import", file, "--lab", "kaga")
    file.write_text('format = 1\nname = "x"\n')
    with pytest.raises(RecipeError) as error:
        command("recipe", "import", file, "--lab", "kaga")
    assert "\n" not in str(error.value)
    with pytest.raises(StoreMissing, match="no recipe 'rice'"):
        command("recipe", "export", "rice")
    with pytest.raises(SettingsError, match="cannot write"):
        command("recipe", "export", "wheat", "--file", tmp_path / "no" / "folder.toml")
