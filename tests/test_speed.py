"""The bench: what it measures, keeps when it is stopped, prints and draws. No test says how fast anything is."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nlviz import bench
from nlviz.figures.speeds import speed
from nlviz.lab.speed import Runner, race
from nlviz.trace import Trace


class Counted(nn.Linear):
    """A layer that counts how often it was built, and may be stopped while it is measured."""

    built: list[int] = []  # noqa: RUF012
    stop_at: int | None = None

    def __init__(self, d_model):
        super().__init__(d_model, d_model)
        Counted.built.append(d_model)

    def forward(self, x):
        if x.shape[1] == Counted.stop_at:
            raise KeyboardInterrupt
        return super().forward(x)


class Wide(nn.Module):
    """Known to need 3 tensors of 8 times its input at once, 4 with the answer."""

    def forward(self, x):
        wide = x.repeat(1, 1, 8)
        return (wide.exp() + wide)[..., : x.shape[-1]].clone()


@pytest.fixture
def runners(monkeypatch):
    monkeypatch.setattr(Counted, "built", [])
    monkeypatch.setattr(Counted, "stop_at", None)
    short = Runner(lambda d: nn.Linear(d, d), lambda T, d: 2 * d * d, longest=8)
    return {"counted": Runner(Counted, lambda T, d: 2 * d * d), "short": short}


SMALL = {"lengths": [8, 16, 24], "widths": [4], "batches": [1, 2], "tries": 2}
SEEN = ("cpu", "wall", "memory", "flops")


def test_every_layer_is_measured_at_every_size_it_can_run(runners):
    trace = race(runners, **SMALL, command="a test")
    assert trace.axes["cpu"] == ("row", "T", "d_model", "batch", "kind")
    assert trace.along("row") == ["counted", "short"]
    assert trace.along("kind") == ["forward", "forward + backward"]
    for name in SEEN:
        assert (trace[name][0] > 0).all(), name
        assert (trace[name][1, 0, :, 0] > 0).all(), name
        assert np.isnan(trace[name][1, 1:]).all(), name  # more tokens than it can
        assert np.isnan(trace[name][1, 0, :, 1]).all(), name
    assert (trace["product"] > 0).all()
    assert (trace["tries"] == 2).all()
    assert trace.about["command"] == "a test"
    assert "machine" in trace.about
    assert "torch" in trace.about["versions"]


def test_flops_are_of_a_call_and_thrice_as_many_with_backward(runners):
    once = race(runners, **SMALL).select(row="counted", T=16, d_model=4, batch=2)["flops"]
    assert once.tolist() == [2 * 16 * 2 * 4 * 4, 3 * 2 * 16 * 2 * 4 * 4]


def test_peak_memory_is_that_of_the_tensors_held_at_once():
    trace = race({"wide": Runner(lambda d: Wide(), lambda T, d: 1.0)}, [32], [16], [2], tries=1)
    x = 2 * 32 * 16 * 4  # bytes
    forward, backward = trace["memory"].ravel()
    assert forward == 3 * 8 * x
    assert backward > forward


def test_a_layer_that_would_take_too_much_room_is_left_out(runners):
    one = race(runners, lengths=[8], widths=[4], batches=[1], tries=1)["memory"][0, 0, 0, 0].max()
    trace = race(runners, lengths=[8, 16, 64], widths=[4], batches=[1], tries=1, room=3 * one)
    assert np.isfinite(trace["cpu"][0, :, 0, 0, 0]).tolist() == [True, True, False]


def test_a_stopped_run_goes_on_where_it_was(runners, tmp_path, monkeypatch):
    path = tmp_path / "bench.npz"
    monkeypatch.setattr(Counted, "stop_at", 24)
    with pytest.raises(KeyboardInterrupt):
        race(runners, **SMALL, path=path)
    half = Trace.load(path)
    assert half["tries"][:, 0, 0].tolist() == [2, 2, 0]
    assert np.isnan(half["cpu"][:, 2]).all()
    monkeypatch.setattr(Counted, "stop_at", None)
    Counted.built.clear()
    whole = race(runners, **SMALL, path=path)
    assert len(Counted.built) == 6 - 2
    assert (whole["tries"] == 2).all()
    for name in SEEN:
        np.testing.assert_array_equal(whole[name][0, :2, 0, 0], half[name][0, :2, 0, 0])
    assert Trace.load(path).about == whole.about


@pytest.mark.parametrize("other", [{"tries": 1}, {"command": "another"}, {"lengths": [8, 16]}])
def test_a_stopped_run_of_another_kind_is_not_gone_on_with(other, runners, tmp_path, monkeypatch):
    path = tmp_path / "bench.npz"
    monkeypatch.setattr(Counted, "stop_at", 24)
    with pytest.raises(KeyboardInterrupt):
        race(runners, **SMALL, path=path)
    monkeypatch.setattr(Counted, "stop_at", None)
    Counted.built.clear()
    race(runners, **{**SMALL, **other}, path=path)
    assert len(Counted.built) == 2 * len(other.get("lengths", [8, 16, 24]))


def test_a_finished_run_is_measured_anew(runners, tmp_path):
    for _ in range(2):
        Counted.built.clear()
        race(runners, **SMALL, path=tmp_path / "bench.npz")
        assert len(Counted.built) == 6


def test_a_stored_trace_of_the_full_bench_stays_under_a_megabyte(runners, tmp_path):
    one = race(runners, lengths=[8], widths=[4], batches=[1], tries=1)
    labels = {**one.labels, "row": list("abcdefghijklmnop"), "T": [2**i for i in range(9, 14)]}
    labels |= {"d_model": [128, 256], "batch": [1, 8]}
    shape, numbers = [len(labels[axis]) for axis in one.axes["cpu"]], np.random.default_rng(0)
    trace = Trace(
        {name: numbers.random(shape) for name in SEEN}, dict.fromkeys(SEEN, one.axes["cpu"]), labels, one.about
    )
    assert trace.save(tmp_path / "bench.npz").stat().st_size < 1e6


def products_in_place(into, a, b, **_):
    """Operations of baddbmm_, which PyTorch's own count does not know."""
    return 2 * a[0] * a[1] * a[2] * b[2]


@pytest.mark.parametrize("name", ["Delta", "Delta, gated", "DGD", "Titans, matrix", "Titans, MLP"])
def test_counted_operations_are_those_that_are_done(name):
    """But for convolutions, gates and the solve, and for triangles that are computed as squares."""
    runner = bench.rows(peer=False)[name]
    layer, x = runner.build(256), torch.randn(1, 512, 256)
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: products_in_place}) as counter:
        layer(x)
    assert counter.get_total_flops() / 512 == pytest.approx(runner.flops(512, 256), rel=0.05)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The command, in a folder of its own, for 8 tokens."""
    monkeypatch.setattr(bench, "race", partial(race, lengths=[8], tries=1))
    monkeypatch.setattr(bench, "project", lambda: tmp_path)
    return tmp_path


def test_the_command_prints_ratios_and_stores_when_asked(tiny, capsys):
    assert bench.main(["--quick"]) == 0
    said = capsys.readouterr().out
    assert "T 8, d_model 128, batch 1: tokens per CPU second" in said
    assert [line for line in said.splitlines() if line.startswith("attention") and "1.00×" in line]
    assert not (tiny / "data").exists()
    assert bench.main(["--quick", "--store"]) == 0
    stored = Trace.load(tiny / "data" / "results" / "bench_memories_quick.npz")
    assert np.isfinite(stored["cpu"]).all()
    assert stored.about["command"] == "python -m nlviz bench --quick"
    assert "attention" in (tiny / ".nlviz" / "bench_memories_quick.svg").read_text("utf8")


def test_without_the_peer_its_rows_are_left_out_with_a_sentence(tiny, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "titans_pytorch", None)
    assert bench.main(["--quick"]) == 0
    said = capsys.readouterr().out
    assert "Without the peer" in said
    assert "python3 start.py bench" in said
    assert not any(name.startswith("titans-pytorch") for name in Trace.load(next(tiny.rglob("*.npz"))).along("row"))


def test_ctrl_c_keeps_what_was_measured(tiny, capsys, monkeypatch):
    def stopped(*rows, **settings):
        race(*rows, lengths=[8], tries=1, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "race", stopped)
    assert bench.main(["--quick", "--store"]) == 130
    said = capsys.readouterr().out
    assert "T 8, d_model 128" in said
    assert "the same command goes on with it" in said
    assert not (tiny / "data").exists()


def test_a_device_that_is_not_there_is_an_error_with_a_cure(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        bench.main(["--device", "cuda"])
    assert "leave it out to measure the CPU" in capsys.readouterr().err


def test_the_figure_shows_what_was_measured(runners):
    trace = race(runners, **SMALL)
    figure = speed(trace, d_model=4, batch=1)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["counted", "short"]
    cell = trace.select(d_model=4, batch=1, kind="forward + backward")
    for i, T in enumerate((8, 16, 24)):
        np.testing.assert_allclose(left.collections[i].get_offsets()[0], [T / cell["cpu"][0, i], 0])
        np.testing.assert_allclose(right.collections[i].get_offsets()[0], [cell["memory"][0, i] / 1e6, 0])
    assert "counted:" in figure.alt
    assert "at 24" in figure.alt
    assert "short:" in figure.alt
    assert figure.svg().startswith("<svg")
    with pytest.raises(KeyError, match="d_model"):
        speed(trace, d_model=128)
