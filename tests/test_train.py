"""Training: an ordinary loop, whatever is trained, that stops with a sentence and goes on bit for bit."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from pkgutil import walk_packages
from typing import NamedTuple

import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from torch import nn

import nlviz as nl
from nlviz.nested import MultiClock

STEPS = 23
RATE = 0.05


class Net(nn.Module):
    """Two layers with dropout between: it draws at every step."""

    def __init__(self, like, seed=0):
        super().__init__()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.inner, self.outer, self.drop = nn.Linear(4, 8), nn.Linear(8, 2), nn.Dropout(0.3)
        self.to(**like)

    def forward(self, x):
        return self.outer(self.drop(self.inner(x).tanh()))


def missed(model, batch):
    x, y = batch
    return (model(x) - y).square().mean()


@pytest.fixture(scope="module")
def stream(draw):
    return [(draw(6, 4, seed=i).cpu(), draw(6, 2, seed=100 + i).cpu()) for i in range(STEPS)]


def adam(model):
    return torch.optim.AdamW(model.parameters(), lr=RATE)


def clock(model):
    groups = [{"params": layer.parameters()} for layer in (model.inner, model.outer)]
    return MultiClock(torch.optim.AdamW(groups, lr=RATE), periods=[1, 4], average=False)


def m3(model):
    return nl.optim.Optimizer(model.parameters(), nl.optim.M3(lr=RATE, period=3))


def weights(model):
    return [w.detach().clone() for w in model.parameters()]


def same(these, those):
    return all(torch.equal(a, b) for a, b in zip(these, those, strict=True))


def everything(path=None, **more):
    """All there is to a run."""
    return {
        "schedule": nl.loops.warmup_cosine(STEPS, warmup=3),
        "clip": 0.5,
        "evaluate": {"size": lambda model: float(model.outer.weight.norm()), "luck": lambda model: torch.rand(())},
        "evaluate_every": 4,
        "checkpoint": path,
        "save_every": 5,
        "seed": 3,
        **more,
    }


def test_training_is_the_ordinary_loop(like, stream):
    ours, plain = Net(like), Net(like)
    factor = nl.loops.warmup_cosine(STEPS, warmup=3)
    trace = nl.train(ours, stream, missed, adam(ours), schedule=factor, clip=0.5, seed=3)

    optimizer, losses, rates, norms = adam(plain), [], [], []
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for x, y in stream:
            optimizer.zero_grad()
            loss = missed(plain, (x.to(like["device"]), y.to(like["device"])))
            loss.backward()
            norms.append(float(nn.utils.clip_grad_norm_(plain.parameters(), 0.5)))
            rates.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
            losses.append(float(loss.detach()))
    assert same(weights(ours), weights(plain))
    assert trace["loss"].tolist() == losses
    assert trace["gradient"].tolist() == norms
    assert trace["rate"].tolist() == pytest.approx(rates)
    assert trace.along("step") == list(range(1, STEPS + 1))


def test_the_rate_and_the_draws_of_the_caller_are_left_as_they_were(like, stream):
    model, before = Net(like), torch.get_rng_state()
    optimizer = adam(model)
    nl.train(model, stream, missed, optimizer, **everything())
    assert torch.equal(torch.get_rng_state(), before)
    assert optimizer.param_groups[0]["lr"] == RATE


def test_scores_are_asked_at_the_start_the_end_and_between_and_change_nothing(like, stream):
    scored, plain = Net(like), Net(like)
    scored.drop.eval()
    plain.drop.eval()

    def by_lot(model, batch):
        return missed(model, batch) * torch.rand(())

    seen = []
    scores = {"train mode": lambda model: seen.append(model.training) or torch.rand(())}
    trace = nl.train(scored, stream, by_lot, adam(scored), evaluate=scores, evaluate_every=10)
    nl.train(plain, stream, by_lot, adam(plain))
    assert trace.along("evaluation") == [0, 10, 20, STEPS]
    assert trace["train mode"].shape == (4,)
    assert seen == [False] * 4
    assert scored.training
    assert not scored.drop.training
    assert same(weights(scored), weights(plain))


class Died(BaseException):
    """As if the process were gone: nothing catches it."""


def dies_at(step):
    """A loss that ends everything at its so-manieth call."""
    calls = []

    def loss(model, batch):
        calls.append(batch)
        if len(calls) == step:
            raise Died
        return missed(model, batch)

    return loss


@pytest.mark.parametrize("build", [adam, clock, m3])
@pytest.mark.parametrize("step", [1, 6, 8, 23])
def test_a_run_that_died_goes_on_and_ends_with_the_same_weights_and_the_same_record(
    like, stream, tmp_path, build, step
):
    whole, first, second = Net(like), Net(like), Net(like, seed=1)
    expected = nl.train(whole, stream, missed, build(whole), **everything())
    with pytest.raises(Died):
        nl.train(first, stream, dies_at(step), build(first), **everything(tmp_path / "run.pt"))
    trace = nl.train(second, stream, missed, build(second), **everything(tmp_path / "run.pt"))
    assert same(weights(second), weights(whole))
    for name in expected:
        np.testing.assert_array_equal(trace[name], expected[name])
    assert trace.labels == expected.labels


@pytest.mark.parametrize("name", ["replace", "fsync"])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6])
def test_a_run_that_died_while_it_was_writing_goes_on_just_so(like, stream, tmp_path, monkeypatch, name, call):
    whole, first = Net(like), Net(like)
    second = Net(like, seed=int(call > 1))  # in the first writing there is nothing yet to go on from
    nl.train(whole, stream, missed, adam(whole), **everything())
    real, calls = getattr(os, name), []

    def dies(*args):
        calls.append(args)
        if len(calls) == call:
            raise Died
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(os, name, dies)
        with pytest.raises(Died):
            nl.train(first, stream, missed, adam(first), **everything(tmp_path / "run.pt"))
    nl.train(second, stream, missed, adam(second), **everything(tmp_path / "run.pt"))
    assert same(weights(second), weights(whole))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_run_whose_checkpoint_is_cut_short_goes_on_from_the_one_before(like, stream, tmp_path, capsys, share):
    path, whole, first, second = tmp_path / "run.pt", Net(like), Net(like), Net(like, seed=1)
    nl.train(whole, stream, missed, adam(whole), **everything())
    with pytest.raises(Died):
        nl.train(first, stream, dies_at(13), adam(first), **everything(path))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    nl.train(second, stream, missed, adam(second), **everything(path))
    said = capsys.readouterr().out
    assert "run.pt is damaged, perhaps cut short" in said
    assert "goes on after step 5" in said
    assert same(weights(second), weights(whole))


KILLED = """
import os, signal, torch, nlviz as nl
torch.set_num_threads(1)
torch.random.default_generator.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
stream = list(torch.randn(20, 6, 4, generator=torch.Generator().manual_seed(1)))
calls = []
def loss(model, x):
    calls.append(x)
    if len(calls) == kill:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return model(x).square().mean()
nl.train(model, stream, loss, torch.optim.AdamW(model.parameters(), lr=0.1), checkpoint=path, save_every=4)
"""


def test_kill_9_in_the_middle_of_training_costs_nothing(tmp_path, capsys):
    """The one test here with a real kill."""
    killed, whole = str(tmp_path / "killed.pt"), str(tmp_path / "whole.pt")
    lines = f"path, kill = {killed!r}, 11\n{KILLED}"
    assert subprocess.run([sys.executable, "-c", lines], capture_output=True, check=False).returncode not in (0, 1)
    with torch.random.fork_rng():
        exec(KILLED, {"path": killed, "kill": 0})
        exec(KILLED, {"path": whole, "kill": 0})
    assert "goes on after step 8" in capsys.readouterr().out
    first, second = nl.loops.read_checkpoint(killed), nl.loops.read_checkpoint(whole)
    assert same(first["model"].values(), second["model"].values())
    assert torch.equal(first["noted"]["loss"], second["noted"]["loss"])


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_stream_without_positions_is_gone_through_up_to_where_the_run_was(like, stream, tmp_path, shuffled):
    """A DataLoader draws its order from PyTorch's generator."""
    loader = torch.utils.data.DataLoader(stream, batch_size=None, shuffle=shuffled)
    whole, first, second = Net(like), Net(like), Net(like, seed=1)
    nl.train(whole, loader, missed, adam(whole), **everything())
    with pytest.raises(Died):
        nl.train(first, loader, dies_at(13), adam(first), **everything(tmp_path / "run.pt"))
    nl.train(second, loader, missed, adam(second), **everything(tmp_path / "run.pt"))
    assert same(weights(second), weights(whole))


def test_an_interrupt_ends_the_run_after_the_step_in_hand_and_the_same_line_goes_on(like, stream, tmp_path, capsys):
    whole, model = Net(like), Net(like)
    expected = nl.train(whole, stream, missed, adam(whole), **everything())
    calls = []

    def interrupted(model, batch):
        calls.append(batch)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return missed(model, batch)

    before = signal.getsignal(signal.SIGINT)
    trace = nl.train(model, stream, interrupted, adam(model), **everything(tmp_path / "run.pt"))
    assert signal.getsignal(signal.SIGINT) is before
    assert trace.sizes["step"] == 7
    assert "stopped by an interrupt after step 7" in trace.about["stopped"]
    assert trace.about["stopped"] in capsys.readouterr().out
    trace = nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt"))
    assert same(weights(model), weights(whole))
    np.testing.assert_array_equal(trace["size"], expected["size"])
    assert "stopped" not in trace.about


BUTTON = """
import torch, nlviz as nl
torch.set_num_threads(1)
model = torch.nn.Linear(4, 1)
stream = [torch.ones(2, 4)] * 1_000_000
calls = []
def loss(model, x):
    calls.append(x)
    if len(calls) == 3:
        print("it runs", flush=True)
    return model(x).square().mean()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
trace = nl.train(model, stream, loss, optimizer, checkpoint=path, save_every=10**6)
print(len(calls), trace.sizes["step"])
"""


def test_the_notebooks_stop_button_ends_a_run_with_a_sentence_and_keeps_it(tmp_path, monkeypatch):
    """In a kernel, as JupyterLab starts and interrupts it."""
    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    manager, client = start_new_kernel(kernel_name="python3")
    said = []

    def hear(message):
        if message["msg_type"] == "error":
            said.extend(message["content"]["traceback"])
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
            if "it runs" in said[-1]:
                manager.interrupt_kernel()

    try:
        path = str(tmp_path / "run.pt")
        reply = client.execute_interactive(f"path = {path!r}\n{BUTTON}", timeout=120, output_hook=hear)
        assert reply["content"]["status"] == "ok", said
        lines = "".join(said).splitlines()
        assert f"kept in {path}: the same line goes on from there" in lines[-2], said
        asked, taken = map(int, lines[-1].split())
        assert asked == taken == len(nl.loops.read_checkpoint(path)["noted"]["loss"]) < 1_000_000
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_second_interrupt_ends_it_at_once(like, stream):
    def twice(model, batch):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    model = Net(like)
    with pytest.raises(KeyboardInterrupt):
        nl.train(model, stream, twice, adam(model))


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_step(like, stream, tmp_path, what):
    seen = []

    def spoiled(model, batch):
        seen.append(weights(model))
        height = missed(model, batch)
        if len(seen) < 13:
            return height
        return height * float("nan") if what == "loss" else height + (0 * model.inner.weight.sum()).sqrt()

    model = Net(like)
    with pytest.raises(FloatingPointError, match=f"the {what} of step 13 is not finite.*of step 10, is .*run.pt"):
        nl.train(model, stream, spoiled, adam(model), **everything(tmp_path / "run.pt"))
    assert same(weights(model), seen[-1])
    assert len(nl.loops.read_checkpoint(tmp_path / "run.pt")["noted"]["loss"]) == 10


def test_a_full_disk_stops_with_a_sentence_and_leaves_the_last_checkpoint(like, stream, tmp_path, monkeypatch):
    whole, model = Net(like), Net(like)
    nl.train(whole, stream, missed, adam(whole), **everything())
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(
            OSError, match=r"No space left on device.*last good one is in .*run.pt.*Make room"
        ) as failed:
            nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt"))
    assert failed.value.errno == errno.ENOSPC
    assert not list(tmp_path.glob("*.part"))
    nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt"))
    assert same(weights(model), weights(whole))


def test_a_run_that_is_done_is_given_back_without_a_step(like, stream, tmp_path):
    model, again = Net(like), Net(like, seed=1)
    expected = nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt"))
    trace = nl.train(again, stream, dies_at(1), adam(again), **everything(tmp_path / "run.pt"))
    assert same(weights(again), weights(model))
    np.testing.assert_array_equal(trace["loss"], expected["loss"])


def test_fewer_steps_and_then_more_are_one_run(like, stream, tmp_path):
    whole, model = Net(like), Net(like)
    nl.train(whole, stream, missed, adam(whole))
    nl.train(model, stream, missed, adam(model), steps=9, checkpoint=tmp_path / "run.pt")
    nl.train(model, stream, missed, adam(model), steps=STEPS, checkpoint=tmp_path / "run.pt")
    assert same(weights(model), weights(whole))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"clip": 1.0}, "has clip = 0.5, this one clip = 1.0"),
        ({"seed": 4}, "has seed = 3, this one seed = 4"),
        ({"precision": torch.bfloat16}, "has precision = None"),
        ({"evaluate": None}, "has scores = size, luck, this one scores = "),
    ],
)
def test_a_run_of_other_settings_is_not_gone_on_with(like, stream, tmp_path, changed, sentence):
    model = Net(like)
    nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt", steps=5))
    with pytest.raises(ValueError, match=f"{sentence}.*or name another file"):
        nl.train(model, stream, missed, adam(model), **everything(tmp_path / "run.pt", **changed))


def test_another_rate_or_another_model_is_not_gone_on_with(like, stream, tmp_path):
    model, other = Net(like), nn.Linear(4, 2).to(**like)
    nl.train(model, stream, missed, adam(model), checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"optimizer = .*lr: 0.05.*this one optimizer = .*lr: 0.1"):
        nl.train(model, stream, missed, torch.optim.AdamW(model.parameters(), lr=0.1), checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"keeps another model; name another file"):
        nl.train(other, stream, missed, adam(other), checkpoint=tmp_path / "run.pt")


def test_what_cannot_be_done_is_said_before_the_first_step(like, stream, tmp_path):
    model = Net(like)
    optimizer = adam(model)
    with pytest.raises(ValueError, match="a generator can be gone through once only"):
        nl.train(model, iter(stream), missed, optimizer, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match="30 steps of a stream that has 23"):
        nl.train(model, stream, missed, optimizer, steps=30)
    with pytest.raises(ValueError, match="steps is 1 or more"):
        nl.train(model, stream, missed, optimizer, steps=0)
    with pytest.raises(ValueError, match="the loss must be one number"):
        nl.train(model, stream, lambda model, batch: model(batch[0]), optimizer)
    with pytest.raises(ValueError, match="loss is noted at every step"):
        nl.train(model, stream, missed, optimizer, evaluate={"loss": lambda model: 0.0})
    with pytest.raises(ValueError, match=r"precision is torch.bfloat16"):
        nl.train(model, stream, missed, optimizer, precision=torch.int8)


class Pair(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


@pytest.mark.parametrize("kind", [list, lambda pair: Pair(*pair), lambda pair: {"x": pair[0], "y": [pair[1]]}])
def test_a_batch_may_be_a_list_a_named_tuple_or_a_dict(like, stream, kind):
    ours, plain = Net(like), Net(like)
    seen = []

    def loss(model, batch):
        seen.append(batch)
        x, y = (batch["x"], batch["y"][0]) if isinstance(batch, dict) else batch
        assert x.device == y.device == model.inner.weight.device
        return missed(model, (x, y))

    nl.train(ours, [kind(batch) for batch in stream], loss, adam(ours))
    nl.train(plain, stream, missed, adam(plain))
    assert type(seen[0]) is type(kind(stream[0]))
    assert same(weights(ours), weights(plain))


def test_a_generator_is_followed_to_its_end(like, stream):
    model, plain = Net(like), Net(like)
    trace = nl.train(model, (batch for batch in stream[:7]), missed, adam(model))
    nl.train(plain, stream, missed, adam(plain), steps=7)
    assert trace.sizes == {"step": 7}
    assert same(weights(model), weights(plain))


def test_bfloat16_computes_under_autocast_and_keeps_the_weights_as_they_are(like, stream):
    kinds = []

    def loss(model, batch):
        said = model(batch[0])
        kinds.append(said.dtype)
        return (said.float() - batch[1].float()).square().mean()

    model = Net(like | {"dtype": torch.float32})
    data = [(x.float(), y.float()) for x, y in stream]
    trace = nl.train(model, data, loss, adam(model), precision=torch.bfloat16)
    assert set(kinds) == {torch.bfloat16}
    assert {w.dtype for w in model.parameters()} == {torch.float32}
    assert np.isfinite(trace["loss"]).all()


@pytest.fixture
def scaled(monkeypatch):
    """Losses scaled as for float16 on CUDA, here on the CPU."""

    def precision(device, precision):
        return nullcontext(), torch.amp.GradScaler("cpu", init_scale=2.0**6, growth_interval=5)

    monkeypatch.setattr(import_module("nlviz.loops.training"), "_precision", precision)


@pytest.mark.parametrize("build", [adam, clock])
def test_a_scaled_loss_gives_the_same_weights_and_the_scale_is_kept_too(
    like, stream, tmp_path, build, close, monkeypatch, scaled
):
    first, second = Net(like), Net(like, seed=1)
    with pytest.raises(Died):
        nl.train(first, stream, dies_at(13), build(first), **everything(tmp_path / "run.pt"))
    nl.train(second, stream, missed, build(second), **everything(tmp_path / "run.pt"))
    assert nl.loops.read_checkpoint(tmp_path / "run.pt")["scaler"]["scale"] == 2.0 ** (6 + STEPS // 5)
    monkeypatch.undo()
    plain = Net(like)
    nl.train(plain, stream, missed, build(plain), **everything())
    close([w.detach() for w in second.parameters()], [w.detach() for w in plain.parameters()], 1e-12)


def test_a_scaled_gradient_that_overflows_is_left_out(like, stream, scaled):
    seen = []

    def spoiled(model, batch):
        seen.append(weights(model))
        height = missed(model, batch)
        return height if len(seen) != 3 else height + (0 * model.inner.weight.sum()).sqrt()

    model = Net(like)
    trace = nl.train(model, stream, spoiled, adam(model), steps=4)
    assert np.isfinite(trace["gradient"]).tolist() == [True, True, False, True]
    assert same(seen[3], seen[2])
    assert not same(seen[2], seen[1])


def test_the_bar_shows_every_step(like, stream, capsys):
    model = Net(like)
    nl.train(model, stream, missed, adam(model), progress=True)
    assert f"{STEPS}/{STEPS}" in capsys.readouterr().err


def test_sparse_gradients_are_trained_on(like):
    table = nn.Embedding(5, 3, sparse=True).to(**like)
    stream = [torch.tensor([0, 1, 1])] * 4
    trace = nl.train(table, stream, lambda model, i: model(i).square().sum(), torch.optim.SGD(table.parameters(), 0.1))
    assert trace["loss"][-1] < trace["loss"][0]


@pytest.mark.parametrize("name", ["run", "descend", "train"])
def test_the_face_gives_a_function_twice_whatever_was_imported_between(name):
    assert callable(getattr(nl, name))
    for found in walk_packages(nl.loops.__path__, "nlviz.loops."):
        import_module(found.name)
    assert callable(getattr(nl, name))
    assert callable(getattr(nl.loops, name))


def test_a_schedule_rises_in_a_line_and_falls_like_pytorchs_cosine():
    factor = nl.loops.warmup_cosine(steps=50, warmup=10, floor=0.1)
    assert [factor(i) for i in range(10)] == pytest.approx([(i + 1) / 10 for i in range(10)])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    judge = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.1)
    for i in range(10, 51):
        assert factor(i) == pytest.approx(judge.get_last_lr()[0])
        optimizer.step()
        judge.step()
    with pytest.raises(ValueError, match="warmup is below the 5 steps"):
        nl.loops.warmup_cosine(steps=5, warmup=5)


@pytest.mark.parametrize("kind", [int, float, torch.tensor, lambda rate: torch.tensor(float(rate))])
def test_the_base_rate_is_afterwards_the_very_object_it_was_and_the_same_line_goes_on(like, stream, tmp_path, kind):
    whole, model, rate = Net(like), Net(like), kind(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    nl.train(whole, stream, missed, torch.optim.SGD(whole.parameters(), lr=1.0), **everything())
    for steps in (6, STEPS):
        nl.train(model, stream, missed, optimizer, **everything(tmp_path / "run.pt", steps=steps))
        assert optimizer.param_groups[0]["lr"] is rate
        assert rate == 1
    torch.testing.assert_close(weights(model), weights(whole), rtol=1e-4, atol=1e-4)  # a tensor rounds the rates


class Once:
    """A stream without `len`; each `for` begins anew."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def test_a_stream_that_ends_before_the_step_to_go_on_after_is_a_sentence(like, stream, tmp_path):
    model = Net(like)
    optimizer = adam(model)
    nl.train(model, Once(stream), missed, optimizer, **everything(tmp_path / "run.pt", steps=10))
    with pytest.raises(ValueError, match="goes on after step 10, and this stream ends after 7; give the one it was on"):
        nl.train(model, Once(stream[:7]), missed, optimizer, **everything(tmp_path / "run.pt"))
    assert optimizer.param_groups[0]["lr"] == RATE


@pytest.mark.parametrize("few", [{"steps": 3}, {"stream": 3}])
def test_fewer_steps_than_a_checkpoint_has_are_a_sentence_and_load_nothing(like, stream, tmp_path, few):
    model, other = Net(like), Net(like, seed=1)
    nl.train(model, stream, missed, adam(model), steps=10, checkpoint=tmp_path / "run.pt")
    before = weights(other)
    with pytest.raises(ValueError, match="has taken 10 steps, and this one ends after 3; ask for 10 or more, or name"):
        nl.train(
            other,
            stream[: few.get("stream")],
            missed,
            adam(other),
            steps=few.get("steps"),
            checkpoint=tmp_path / "run.pt",
        )
    assert same(weights(other), before)


def test_after_training_an_interrupt_does_by_default_what_it_did_by_default_before(like, stream):
    """The system's default handler is called 0, which is false."""
    model = Net(like)
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        nl.train(model, stream, missed, adam(model), steps=1)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_a_loss_of_logits_in_half_precision_is_computed_in_single_precision(kind):
    table = torch.randn(7, 7, generator=torch.Generator().manual_seed(0)).to(kind)
    model, tokens = nn.Embedding.from_pretrained(table), torch.arange(7).repeat(2, 3)
    expected = -table.double().log_softmax(-1)[tokens[:, :-1], tokens[:, 1:]].mean()
    for loss in (nl.loops.next_token(model, tokens), nl.loops.asked(model, (tokens[:, :-1], tokens[:, 1:]))):
        assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert nl.loops.bits_per_token(model, [tokens]) == pytest.approx(float(expected) / np.log(2), rel=1e-6)


def test_a_score_of_nothing_is_a_sentence():
    model, nothing = nn.Embedding(3, 3), torch.zeros(2, 4, dtype=torch.long)
    unasked = [(nothing, torch.full_like(nothing, nl.loops.UNASKED))]
    for name, batches in (("bits_per_token", []), ("right", []), ("right", unasked)):
        with pytest.raises(ValueError, match=f"{name}: nothing is asked; give one batch or more"):
            getattr(nl.loops, name)(model, batches)
