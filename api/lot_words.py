"""What is told of lots and units in words, in Japanese and in English."""

from collections.abc import Mapping
from typing import Final

from analytics.farm.recipes.model import Text
from analytics.fish.lot_result import Caution, Doubt, LotResult, Presence
from api.house import House
from store.lots import Lot

_DOUBTS: Final[Mapping[Doubt, Text]] = {
    Doubt.NO_CHECKS: Text(
        ja="このロットでは手で確かめた魚がありません。"
        "区間は、この装置のほかのロットでの確認（{history_fish:.0f}尾）だけに基づきます。",
        en="No fish of this lot was checked by hand: the interval rests on {history_fish:.0f} checked fish "
        "of the unit's other lots alone.",
    ),
    Doubt.FEW_CHECKS: Text(
        ja="この装置のほかのロットで確認した魚は{fish:.0f}尾だけです。"
        "{enough:.0f}尾以上を目安に確かめてください。",
        en="Only {fish:.0f} fish of the unit's other lots were checked: check some, {enough:.0f} at least.",
    ),
    Doubt.SCORES_UNLIKE: Text(
        ja="このロットの判定の確からしさが、確認済みの魚と違います。"
        "過去の確認が当てはまらないおそれがあります。無作為に何尾か確かめてください。",
        en="This lot's scores are unlike those of the verified fish, which may no longer hold: check some at "
        "random.",
    ),
    Doubt.ROUGH: Text(
        ja="計算の有効な標本が{draws:.0f}と少なく、区間は大まかです。",
        en="The interval rests on {draws:.0f} effective draws and is rough.",
    ),
    Doubt.OTHER_MODEL: Text(
        ja="別の判定モデルで仕分けた確認済みの魚{fish:.0f}尾は使っていません。",
        en="{fish:.0f} checked fish were sorted by another model of the classifier and are left out.",
    ),
}
_PRESENCES: Final[Mapping[Presence, Text]] = {
    Presence.CERTAIN: Text(ja="手で確かめた中にいました。", en="Found by hand."),
    Presence.LIKELY: Text(
        ja="いると考えられます（95％区間が0より上）。", en="The 95 % interval is above zero."
    ),
    Presence.NOT_TOLD_FROM_ZERO: Text(ja="0尾と区別できません。", en="It cannot be told from zero."),
}


def warning(caution: Caution) -> Text:
    """Say a doubt.

    Examples
    --------
    >>> warning(Caution(doubt=Doubt.ROUGH, facts={"draws": 81.0})).en
    'The interval rests on 81 effective draws and is rough.'
    """
    found = _DOUBTS[caution.doubt]
    return Text(ja=found.ja.format_map(caution.facts), en=found.en.format_map(caution.facts))


def presence(found: Presence) -> Text:
    """Say whether there is any fish of a class."""
    return _PRESENCES[found]


def labels(house: House, lot: Lot) -> dict[str, Text]:
    """Name a lot's classes; by their short names where no file of the product is left."""
    product = house.product(lot.product)
    known = {} if product is None else {one.name: one for one in product.classes}
    return {
        name: Text(ja=known[name].label_ja, en=known[name].label_en)
        if name in known
        else Text(ja=name, en=name)
        for name in lot.classes
    }


def advice(result: LotResult) -> Text:
    """Say what the interval rests on, and how many more fish to check."""
    wanted = [one for one in result.wanted if one.fish > 0]
    if not wanted:
        return Text(
            ja=f"確認した{result.checked}尾で、区間は十分に狭くなっています。",
            en=f"With {result.checked} fish checked the interval is narrow enough.",
        )
    ja = "、".join(f"幅{100 * one.width:.0f}ポイントにはあと{one.fish}尾" for one in wanted)
    en = ", ".join(f"{one.fish} more for a width of {100 * one.width:.0f} points" for one in wanted)
    return Text(ja=f"無作為に確かめる魚の数の目安：{ja}。", en=f"Fish to check, chosen at random: {en}.")


NOT_YET: Final = Text(
    ja="まだ計算していません。魚が届くと数秒で表示されます。",
    en="Not computed yet: it follows within seconds once fish have come.",
)
