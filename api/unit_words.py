"""What is told of sorting units in words, in Japanese and in English."""

from collections.abc import Mapping
from typing import Final

from analytics.farm.recipes.model import Text
from analytics.fish.unit_result import UnitResult
from store.unit_charts import Alarm

_MOVED: Final[Mapping[str, Text]] = {
    "confidence_down": Text(
        ja="{cls}の判定の確からしさが下がっています。"
        "装置（感度・接触・汚れ・焦点）を調べ、何尾か確かめてください。",
        en="The unit is less sure of {cls} than it was: look at it (gain, coupling, dirt, focus).",
    ),
    "confidence_up": Text(
        ja="{cls}の判定の確からしさが上がっています。"
        "装置の設定が変わっていないか調べ、何尾か確かめてください。",
        en="The unit is surer of {cls} than it was: see whether its settings have changed, and check some.",
    ),
    "mistakes_up": Text(
        ja="手で確かめた魚（{cls}）で、誤りが以前より多くなっています。",
        en="Among fish checked by hand ({cls}), more are called wrongly than before.",
    ),
}


def moved(alarm: Alarm) -> Text:
    """Say what an alarm tells of."""
    found = _MOVED[alarm.moved]
    return Text(
        ja=found.ja.format(cls=f"「{alarm.cls}」とされた魚" if alarm.cls else "すべての魚"),
        en=found.en.format(cls=f"fish called {alarm.cls}" if alarm.cls else "all fish"),
    )


def standing(result: UnitResult | None) -> Text:
    """Say in a sentence how good a unit is, or why that cannot be told."""
    if result is None:
        return Text(
            ja="まだ調べていません。数秒後に表示されます。",
            en="Not looked at yet: it follows within seconds.",
        )
    quality = result.quality
    accuracy = quality.accuracy
    if accuracy is None or accuracy.value is None:
        reason = quality.refused or "no fish was checked"
        return Text(
            ja=f"精度はまだ言えません（確認した魚：{quality.checked}尾）。"
            "すべての判定の魚から無作為に確かめてください。",
            en=f"Its quality cannot be told: {reason}. "
            "Check some fish of every called class, chosen at random.",
        )
    value, low, high = (100 * (one or 0.0) for one in (accuracy.value, accuracy.low, accuracy.high))
    return Text(
        ja=f"正しく判定する割合は{value:.1f}％"
        f"（95％区間 {low:.1f}～{high:.1f}％、確認した魚 {quality.checked}尾）。",
        en=f"It is right in {value:.1f} % of the fish (95 % interval {low:.1f} to {high:.1f} %, "
        f"{quality.checked} fish checked).",
    )
