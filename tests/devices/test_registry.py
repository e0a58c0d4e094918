"""Names keep to the rules that the broker, the topics and the database rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import ChannelError, NameRuleError
from devices.registry import check_device_name, check_position, check_slug, split_channel


@pytest.mark.parametrize("name", ["shihoro-farm-1", "a1", "9z", "x" * 63])
def test_good_device_names_pass(name: str) -> None:
    check_device_name(name)


@pytest.mark.parametrize(
    "name", ["", "a", "-ab", "Ab", "a_b", "a/b", "a+", "a#", "é1", "x" * 64, "ab\n", "a:b", "農園"]
)
def test_bad_device_names_are_refused(name: str) -> None:
    with pytest.raises(NameRuleError, match="lower-case") as caught:
        check_device_name(name)
    assert caught.value.name == name


def test_names_of_services_are_kept_back() -> None:
    with pytest.raises(NameRuleError, match="belong to the services"):
        check_device_name("chiiki-gateway")


def test_a_slug_may_be_one_letter_and_no_more_than_63() -> None:
    check_slug("a")
    with pytest.raises(NameRuleError):
        check_slug("x" * 64)
    with pytest.raises(NameRuleError):
        check_slug("")


def test_the_plain_position_is_allowed() -> None:
    check_position("")
    with pytest.raises(NameRuleError, match="position"):
        check_position("under the tree")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("air_temperature", ("air_temperature", "")),
        ("soil_temperature@10cm", ("soil_temperature", "10cm")),
        ("wind_speed@mast-2.5m", ("wind_speed", "mast-2.5m")),
    ],
)
def test_channels_are_split(key: str, expected: tuple[str, str]) -> None:
    assert split_channel(key) == expected


@pytest.mark.parametrize(
    "key", ["", "@", "@10cm", "air_temperature@", "Air", "air temperature", "a@b@c", "a@" + "x" * 33, "気温"]
)
def test_bad_channels_are_refused(key: str) -> None:
    with pytest.raises(ChannelError) as caught:
        split_channel(key)
    assert caught.value.key == key
    assert caught.value.reason in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_split_or_refused(key: str) -> None:
    try:
        quantity, position = split_channel(key)
    except ChannelError:
        return
    assert key == (f"{quantity}@{position}" if position else quantity)
