from __future__ import annotations

import json
import math

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.codecs import Undecodable, decode, is_json
from ingest.samples import walk

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
RECEIVED_US = 1_760_000_000_000_000


@given(st.dictionaries(st.text(), trees) | st.lists(trees))
def test_json_comes_back_as_it_was(tree):
    assert decode(json.dumps(tree).encode()) == tree


@given(trees)
def test_cbor_comes_back_as_it_was(tree):
    payload = cbor2.dumps(tree)
    if not is_json(payload):
        assert decode(payload) == tree


@given(st.dictionaries(st.text(), trees) | st.lists(trees))
def test_cbor_maps_and_arrays_are_never_taken_for_json(tree):
    assert not is_json(cbor2.dumps(tree))


@given(st.binary(max_size=200))
@example(b"\xd8\x1c\x81\xd8\x1d\x00")  # a list that holds itself
@example(b"\xc5\x82\x1a\x7f\xff\xff\xff\x01")  # a bigfloat of 600 million digits
@example(b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff")
@example(b"\xef\xbb\xbf{}")
def test_no_bytes_raise(payload):
    message = decode(payload)
    if isinstance(message, Undecodable):
        assert message.reason in {"bad_json", "bad_cbor"}
        assert message.detail
    else:
        contents = walk(message, RECEIVED_US)
        rejected = sum(item.readings for item in contents.rejections.values())
        assert contents.total == len(contents.readings) + rejected


readings = st.fixed_dictionaries(
    {"at": trees | st.integers(0, 2**62), "values": trees | st.dictionaries(st.text(), trees)},
    optional={"boot": scalars, "seq": scalars},
)


@given(readings | st.lists(readings | trees))
def test_whatever_the_message_every_reading_has_one_place(message):
    contents = walk(message, RECEIVED_US)
    places = [reading.index for reading in contents.readings]
    for item in contents.rejections.values():
        places += [0] if item.indices is None else item.indices
    assert sorted(places) == list(range(contents.total))
    assert contents.total > 0
    assert all(math.isfinite(reading.value) for reading in contents.readings)


def test_nan_and_infinity_are_read():
    tree = decode(b'{"a": NaN, "b": -Infinity}')
    assert isinstance(tree, dict)
    assert math.isnan(tree["a"])
    assert tree["b"] == -math.inf


@pytest.mark.parametrize("payload", [b'{"a": 1}', b" \n[1]", b"\xef\xbb\xbf{}", b""])
def test_what_counts_as_json(payload):
    assert is_json(payload)
