"""The bench: what it measures, keeps when it is stopped, prints and draws. No test says how fast anything is."""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nlviz import bench, lab, memory
from nlviz.figures.speeds import speed
from nlviz.lab.speed import Runner, race
from nlviz.nested import AttentionLayer, MemoryLayer
from nlviz.runtime import project
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


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A small product stands for what the machine can do, and no garbage of other tests is looked through."""
    for module in ("speed", "generation"):
        monkeypatch.setattr(f"nlviz.lab.{module}.SIDE", 100)
    monkeypatch.setattr("nlviz.lab.speed.gc", SimpleNamespace(collect=lambda: None))


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


COUNTED = [
    "Delta",
    "Delta, gated",
    "DGD",
    "Deep, matrix",
    "Deep, MLP",
    "Titans, matrix",
    "Titans, MLP",
    "Omega, matrix",
]


@pytest.mark.parametrize("name", COUNTED)
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


class Hoarder(nn.Linear):
    """A layer that keeps everything it was given, and notes how much it was asked with."""

    asked: list[int] = []  # noqa: RUF012

    def __init__(self, d_model):
        super().__init__(d_model, d_model)

    def forward(self, x, state=None):
        state = x if state is None else torch.cat([state, x], 1)
        Hoarder.asked.append(state.shape[1])
        return super().forward(x), state


def test_tokens_come_one_by_one_each_with_the_state_before_it_and_every_try_begins_anew(monkeypatch):
    monkeypatch.setattr(Hoarder, "asked", [])
    runners = {"hoards": Runner(Hoarder, lambda T, d: T * d), "forgets": Runner(MemoryLayer, lambda T, d: d)}
    trace = lab.per_token(runners, d_model=4, length=8, every=2, tries=3, command="a test")
    assert Hoarder.asked == [1, 2] + 3 * list(range(1, 9))
    assert trace.along("token") == [2, 4, 6, 8]
    assert trace["state"].tolist() == [[4 * 4 * t for t in (2, 4, 6, 8)], [4 * (3 * 4 + 4 * 4)] * 4]
    assert trace["flops"].tolist() == [[2 * t * 4 for t in (1, 3, 5, 7)], [4] * 4]
    assert (trace["cpu"] >= 0).all()  # a clock of CPU seconds may be coarse
    assert (trace["wall"] > 0).all()
    assert trace["product"] > 0
    assert trace.about["command"] == "a test"
    with pytest.raises(ValueError, match="choose a length that it divides"):
        lab.per_token(runners, length=8, every=3)


def test_the_table_of_tokens_that_come_alone_compares_the_last_quarter_with_the_first_and_with_attention():
    labels = {"row": ["Delta", "attention"], "token": [2, 4, 6, 8]}
    arrays = {
        "cpu": [[1e-3, 1, 1, 1e-3], [1e-4, 1, 1, 4e-4]],
        "state": [[5e3] * 4, [1e3, 2e3, 3e3, 4e3]],
        "flops": [[1e5] * 4, [2e5] * 4],
        "product": 1e10,
    }
    axes = {name: ("row", "token") for name in ("cpu", "state", "flops")} | {"product": ()}
    arrays = {name: np.array(numbers) for name, numbers in arrays.items()}
    trace = Trace(arrays, axes, labels, {"tries": 5, "d_model": 128})
    head, _, delta, attention = lab.generation_table(trace)
    assert "8 of them, d_model 128" in head
    assert delta.split() == ["Delta", "1,000", "0.40×", "1.0%", "1.00×", "5", "1.00×"]
    assert attention.split() == ["attention", "2,500", "1.00×", "5.0%", "4.00×", "4", "4.00×"]


def test_generation_is_a_command_of_its_own_that_prints_and_stores_when_asked(tiny, capsys, monkeypatch):
    monkeypatch.setattr(bench, "per_token", partial(lab.per_token, length=4, every=1, tries=1))
    assert bench.main(["generation"]) == 0
    said = capsys.readouterr().out
    assert "one token after another, 4 of them" in said
    assert [line for line in said.splitlines() if line.startswith("attention ") and "1.00×" in line]
    assert not (tiny / "data").exists()
    assert bench.main(["generation", "--store"]) == 0
    stored = Trace.load(tiny / "data" / "results" / "bench_generation.npz")
    assert stored.along("row") == list(bench.layers())
    assert stored.about["command"] == "python -m nlviz bench generation"

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "per_token", stopped)
    assert bench.main(["generation"]) == 130


@pytest.mark.parametrize("name", bench.layers())
def test_every_layer_of_the_bench_says_the_same_to_tokens_that_come_one_by_one(name):
    layer, x, state, answers = bench.layers()[name].build(128), torch.randn(1, 5, 128), None, []
    for token in x.split(1, 1):
        y, state = layer(token, state)
        answers.append(y)
    torch.testing.assert_close(torch.cat(answers, 1), layer(x)[0], rtol=1e-4, atol=1e-4)


def test_every_memory_rule_has_a_row_in_the_bench():
    built = [runner.build(128) for runner in bench.layers().values()]
    shown = {type(layer.rule) for layer in built if isinstance(layer, MemoryLayer)}
    rules = {kind for name in memory.__all__ if dataclasses.is_dataclass(kind := getattr(memory, name))}
    assert shown == rules
    assert sum(isinstance(layer, AttentionLayer) for layer in built) == 1


def test_a_token_costs_the_same_early_and_late_in_4096_but_for_attention():
    """Numbers that are kept: no test says how fast this machine is."""
    trace = Trace.load(project() / "data" / "results" / "bench_generation.npz")
    assert trace.about["command"] == "python -m nlviz bench generation"
    assert trace.along("row") == list(bench.layers())
    assert trace.along("token")[-1] == 4096
    assert (trace.about["d_model"], trace.about["tries"]) == (128, 5)
    grows = np.array(["ttention" in name and "pairs" not in name for name in trace.along("row")])
    assert grows.sum() == 2
    time, size = lab.growth(trace, "cpu"), lab.growth(trace, "state")
    assert (size[~grows] == 1).all()
    assert (size[grows] > 2).all()
    assert (abs(time[~grows] - 1) < 0.15).all()
    assert (time[grows] > 1.3).all()


def test_the_kept_bench_shows_what_is_promised_of_self_modifying_titans_and_hope():
    """CPU seconds of one run: width 128, batch 1, chunk 64, forward and backward."""
    trace = Trace.load(project() / "data" / "results" / "bench_memories_quick.npz")
    rows = {name: trace.select(row=name, kind="forward + backward")["cpu"].squeeze() for name in trace.along("row")}
    at = {T: i for i, T in enumerate(trace.along("T"))}
    speeds = {name: 1024 / seconds[at[1024]] for name, seconds in rows.items()}
    assert speeds["SelfModifyingTitans"] > 0.4 * speeds["titans-pytorch"]
    assert speeds["SelfModifyingTitans"] > 0.4 * speeds["titans-pytorch, refreshed"]
    assert speeds["Hope"] > 0.5 * speeds["SelfModifyingTitans"]
    for name in ("SelfModifyingTitans", "Hope"):
        assert rows[name][at[8192]] / 8192 < 1.5 * rows[name][at[1024]] / 1024
