"""Shipped products load; a broken file is refused with its name, the key and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.errors import KindError, ProductError
from devices.kinds import load_kinds
from devices.products import load_products, read_product

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
name = "salmon"
label_ja = "サケ"
label_en = "salmon"
species_ja = "サケ"
species_en = "chum salmon"
[[classes]]
name = "male"
label_ja = "雄"
label_en = "male"
price_yen_per_kg = 300
[[classes]]
name = "female"
label_ja = "雌"
label_en = "female"
[[classes]]
name = "between"
label_ja = "間"
label_en = "between"
sellable = false
between = ["male", "female"]
[spine]
threshold = 0.1
at_least = "male"
below = "female"
"""
KIND = """
name = "salmon-unit"
label_ja = "サケ装置"
label_en = "salmon unit"
period_s = 60
product = "salmon"
[quantities.uptime]
unit = "s"
"""


def test_the_shipped_products_load() -> None:
    products = load_products()
    assert products["cod-sex"].names == ("milt", "roe", "other")
    mackerel = products["mackerel"]
    assert mackerel.names == ("masaba", "gomasaba", "hybrid")
    hybrid = mackerel.classes[2]
    assert (hybrid.sellable, hybrid.between) == (False, ("masaba", "gomasaba"))
    assert mackerel.spine is not None
    assert [mackerel.spine.verdict(ratio) for ratio in (0.12, 0.1199)] == ["masaba", "gomasaba"]
    kinds = load_kinds()
    assert kinds["echo-unit"].product == products["cod-sex"]
    assert kinds["fish-sorter"].product == mackerel
    assert kinds["farm-station"].product is None


def test_a_new_species_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "salmon.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "salmon-unit.toml").write_text(KIND, encoding="utf-8")
    product = load_kinds(tmp_path)["salmon-unit"].product
    assert product is not None
    assert product.names == ("male", "female", "between")
    assert [one.price_yen_per_kg for one in product.classes] == [300, None, None]


def test_a_kind_names_a_product_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "salmon-unit.toml").write_text(KIND, encoding="utf-8")
    with pytest.raises(KindError, match="choose one of cod-sex, mackerel") as caught:
        load_kinds(tmp_path)
    assert caught.value.key == "product"


@pytest.mark.parametrize(
    ("good", "bad", "key", "reason"),
    [
        ('name = "salmon"', 'name = "trout"', "name", "make them equal"),
        ('name = "salmon"', 'name = "Salmon"', "name", "lower-case"),
        ('species_ja = "サケ"', "", "", "species_ja"),
        ('name = "male"', 'name = "Male!"', "classes.Male!", "lower-case"),
        ('name = "male"', 'name = "female"', "classes", "each once"),
        ("300", "-1", "classes.male.price_yen_per_kg", "not below 0"),
        ("300", "nan", "classes.male.price_yen_per_kg", "not below 0"),
        (
            'between = ["male", "female"]',
            'between = ["male", "male"]',
            "classes.between.between",
            "two other",
        ),
        ('between = ["male", "female"]', 'between = ["male", "eel"]', "classes.between.between", "two other"),
        ('between = ["male", "female"]', 'between = ["male"]', "classes[2].between", "length 2"),
        ("sellable = false", "saleable = false", "classes[2]", "saleable"),
        ("threshold = 0.1", "threshold = 12", "spine.threshold", "between 0 and 1"),
        ('below = "female"', 'below = "male"', "spine", "two classes"),
        ('below = "female"', 'below = "eel"', "spine", "two classes"),
        ("threshold = 0.1", "threshold = = 1", "", "cannot be read"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, good: str, bad: str, key: str, reason: str) -> None:
    assert good in GOOD
    file = tmp_path / "salmon.toml"
    file.write_text(GOOD.replace(good, bad, 1), encoding="utf-8")
    with pytest.raises(ProductError) as caught:
        read_product(file)
    assert (caught.value.file, caught.value.key) == (file, key)
    assert reason in caught.value.reason


def test_one_class_is_no_sorting_and_a_file_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "salmon.toml"
    with pytest.raises(ProductError, match="cannot be read"):
        read_product(file)
    head = GOOD.split("[[classes]]")
    file.write_text(head[0] + "[[classes]]" + head[1], encoding="utf-8")
    with pytest.raises(ProductError, match="at least two classes"):
        read_product(file)
