"""What fish are sorted into, read from TOML files: those shipped in ``devices/products`` and a lab's own.

A file is named after its product and holds::

    name = "cod-sex"
    label_ja = "マダラの雌雄"
    label_en = "sex of cod"
    species_ja = "マダラ"
    species_en = "Pacific cod"
    species_latin = "Gadus macrocephalus"

    [[classes]]                         # at least two; their order is that of the numbers in the database
    name = "milt"                       # as in the units' messages
    label_ja = "白子"
    label_en = "milt"
    sellable = true                     # optional: whether it is sold as such
    price_yen_per_kg = 1200             # optional: taken where a lot has no price of its own
    between = ["masaba", "gomasaba"]    # optional: a hybrid of these two, in the middle of both

    [spine]                             # optional: a rule of thumb to set beside the classifier
    threshold = 0.12                    # base of dorsal fin spines 1 to 9 ÷ fork length
    at_least = "masaba"
    below = "gomasaba"

A lot keeps the list of classes that it was begun with: a change holds for lots that begin after it.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from devices.errors import NameRuleError, ProductError
from devices.model import Product
from devices.registry import QUANTITY_NAME, check_slug

SHIPPED_DIR = Path(__file__).with_name("products")


def load_products(extra_dir: Path | None = None) -> dict[str, Product]:
    """Read the shipped products and a lab's own, which may add to them or replace one by its name.

    Raises
    ------
    ProductError
        Names the file, the key and what is wrong with it.
    """
    folders = [SHIPPED_DIR] if extra_dir is None else [SHIPPED_DIR, extra_dir]
    products = [read_product(file) for folder in folders for file in sorted(folder.glob("*.toml"))]
    return {product.name: product for product in products}


def read_product(file: Path) -> Product:
    """Read and check one file.

    Raises
    ------
    ProductError
        Names the file, the key and what is wrong with it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProductError(file, "", f"cannot be read: {error}") from None
    return parse_product(text, file)


def parse_product(text: str, file: Path) -> Product:
    """Check the text of a file.

    Raises
    ------
    ProductError
        Names the file, the key and what is wrong with it.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
        product = msgspec.convert(table, Product)
    except tomllib.TOMLDecodeError as error:
        raise ProductError(file, "", f"cannot be read: {error}") from None
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        raise ProductError(file, path.strip("`$."), reason) from None
    for key, complaint in _complaints(product, file.stem):
        raise ProductError(file, key, complaint)
    return product


def _complaints(product: Product, stem: str) -> list[tuple[str, str]]:
    found = []
    try:
        check_slug(product.name)
    except NameRuleError as error:
        found.append(("name", str(error)))
    if product.name != stem:
        found.append(("name", f"is {product.name!r}, but the file is named {stem!r}: make them equal"))
    return found + _complaints_of_classes(product) + _complaints_of_spine(product)


def _complaints_of_classes(product: Product) -> list[tuple[str, str]]:
    names = product.names
    found = [
        (f"classes.{name}", "use lower-case letters, digits and '_', beginning with a letter")
        for name in names
        if not QUANTITY_NAME.fullmatch(name)
    ]
    if len(names) < 2 or len(set(names)) < len(names):  # noqa: PLR2004
        found.append(("classes", "name at least two classes, each once"))
    for one in product.classes:
        parents = one.between
        if parents is not None and (len({*parents, one.name}) < 3 or not set(parents) <= set(names)):  # noqa: PLR2004
            found.append((f"classes.{one.name}.between", "name two other classes"))
        price = one.price_yen_per_kg
        if price is not None and not (math.isfinite(price) and price >= 0):
            found.append((f"classes.{one.name}.price_yen_per_kg", "must be a number of yen, not below 0"))
    return found


def _complaints_of_spine(product: Product) -> list[tuple[str, str]]:
    rule = product.spine
    if rule is None:
        return []
    found = []
    if not 0 < rule.threshold < 1:
        found.append(("spine.threshold", "must lie between 0 and 1"))
    if rule.at_least == rule.below or not {rule.at_least, rule.below} <= set(product.names):
        found.append(("spine", "at_least and below must name two classes"))
    return found
