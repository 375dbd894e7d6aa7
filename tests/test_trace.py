"""A Trace keeps what it is given, says what is wrong, and comes back from disk as it was."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nlviz import Trace


def small() -> Trace:
    return Trace(
        {"error": np.arange(6.0).reshape(2, 3), "final": np.array([1, 2])},
        {"error": ("method", "step"), "final": ("method",)},
        {"method": ["Hebb", "Delta"], "step": [10, 20, 30]},
        {"seed": 0},
    )


def test_select_takes_a_label_and_drops_the_axis():
    one = small().select(method="Delta")
    assert one.axes["error"] == ("step",)
    np.testing.assert_array_equal(one["error"], [3, 4, 5])
    assert one["final"] == 2
    assert small().select(step=20)["error"].tolist() == [1, 4]


def test_a_wrong_label_axis_or_name_is_a_sentence():
    with pytest.raises(KeyError, match="has no label 'Titans'; it has"):
        small().select(method="Titans")
    with pytest.raises(KeyError, match="no axis 'head'"):
        small().select(head=0)
    with pytest.raises(KeyError, match="no 'loss'; it has error, final"):
        small()["loss"]


@pytest.mark.parametrize(
    ("arrays", "axes", "labels", "words"),
    [
        ({"a": np.zeros(2)}, {}, {}, "axes are given for"),
        ({"a": np.zeros((2, 3))}, {"a": ("step",)}, {}, "name one axis a dimension"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, {"a": ("step",), "b": ("step",)}, {}, "long elsewhere"),
        ({"a": np.zeros(2)}, {"a": ("step",)}, {"step": [1, 2, 3]}, "'step' is 3"),
        ({"a": np.array([object()])}, {"a": ("step",)}, {}, "Python objects"),
    ],
)
def test_what_does_not_fit_together_is_refused(arrays, axes, labels, words):
    with pytest.raises(ValueError, match=words):
        Trace(arrays, axes, labels)


def test_arrays_are_copies_and_read_only():
    mine = np.zeros(3)
    trace = Trace({"a": mine}, {"a": ("step",)})
    mine[0] = 5
    assert trace["a"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        trace["a"][0] = 1


def test_join_makes_a_labelled_axis_in_front():
    joined = Trace.join({"x": small(), "y": small()}, axis="run")
    assert joined.sizes == {"run": 2, "method": 2, "step": 3}
    assert joined.along("run") == ["x", "y"]
    with pytest.raises(ValueError, match="already have an axis"):
        Trace.join({"x": small()}, axis="step")
    with pytest.raises(ValueError, match="does not have the axes"):
        Trace.join({"x": small(), "y": small().select(method="Hebb")}, axis="run")


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(st.sampled_from([np.float64, np.float32, np.int64, np.bool_]), hnp.array_shapes(max_dims=3, max_side=4)),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.lists(st.booleans(), max_size=3)),
)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, array, about):
    axes = tuple("abc"[: array.ndim])
    trace = Trace({"numbers": array}, {"numbers": axes}, {"a": [f"l{i}" for i in range(array.shape[0])]}, about)
    back = Trace.load(trace.save(tmp_path_factory.mktemp("trace") / "t.npz"))
    np.testing.assert_array_equal(back["numbers"], array)
    assert back["numbers"].dtype == array.dtype
    assert (back.axes, back.labels, back.about) == (trace.axes, trace.labels, trace.about)


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = small().save(tmp_path / "t.npz")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        Trace({"a": np.zeros(9)}, {"a": ("step",)}).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


def test_a_damaged_file_is_a_sentence(tmp_path):
    path = small().save(tmp_path / "t.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a readable Trace"):
        Trace.load(path)
