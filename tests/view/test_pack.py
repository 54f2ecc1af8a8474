"""The page's data comes out as it went in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hiface.errors import OutputError
from hiface.view.pack import TYPES, packed, unpacked

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=9)


@settings(deadline=None)
@given(st.sampled_from(list(TYPES)).flatmap(lambda kind: arrays.arrays(kind, SHAPES)))
def test_arrays_come_back_bit_by_bit(array):
    body, table = packed({"first": np.arange(3, dtype=np.uint8), "array": array})
    again = unpacked(body, table)["array"]
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()


def test_every_array_starts_where_a_typed_array_may():
    body, table = packed({"one": b"abc", "two": np.ones(1, np.float32), "three": np.ones((5, 3), np.int16)})
    assert all(entry["at"] % 4 == 0 for entry in table.values())
    assert unpacked(body, table)["one"].tobytes() == b"abc"


def test_the_same_arrays_give_the_same_page():
    given_twice = [packed({"a": np.arange(100, dtype=np.uint16)})[0] for _ in range(2)]
    assert given_twice[0] == given_twice[1]


def test_smooth_rows_take_little_room():
    rows = np.cumsum(np.ones((4000, 3)), axis=0).astype(np.uint16)
    assert len(packed({"rows": rows})[0]) < 0.02 * rows.nbytes


def test_types_that_javascript_lacks_are_refused():
    with pytest.raises(OutputError, match="int64"):
        packed({"long": np.arange(3)})
