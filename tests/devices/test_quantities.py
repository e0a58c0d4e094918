"""The table of quantities holds together."""

from __future__ import annotations

from devices.quantities import QUANTITIES
from devices.registry import split_channel
from devices.units import UNITS


def test_every_quantity_has_a_known_unit_and_both_labels() -> None:
    for name, quantity in QUANTITIES.items():
        assert quantity.name == name
        assert quantity.unit in UNITS, name
        assert quantity.label_ja, name
        assert quantity.label_en, name


def test_every_name_can_be_a_key_in_messages() -> None:
    assert all(split_channel(f"{name}@10cm") == (name, "10cm") for name in QUANTITIES)


def test_no_two_quantities_share_a_label() -> None:
    assert len({quantity.label_ja for quantity in QUANTITIES.values()}) == len(QUANTITIES)
    assert len({quantity.label_en for quantity in QUANTITIES.values()}) == len(QUANTITIES)


def test_what_a_field_needs_is_there_in_the_usual_units() -> None:
    expected = {
        "air_temperature": "degC",
        "relative_humidity": "%",
        "soil_water_content": "m3/m3",
        "photosynthetic_photon_flux": "umol/m2/s",
        "rainfall": "mm",
        "fish_throughput": "1/min",
        "coupling_quality": "1",
    }
    assert {name: QUANTITIES[name].unit for name in expected} == expected
