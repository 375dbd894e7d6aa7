"""Language models side by side: the same bytes for all, a rate chosen elsewhere, and a run that goes on."""

from __future__ import annotations

import platform
import signal
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nlviz as nl
from nlviz.experiments import language
from nlviz.lab import Entrant


class Bigram(nn.Module):
    """Logits from the byte before; counts the steps it was trained."""

    steps = 0

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.table = nn.Embedding(256, 256)
        nn.init.zeros_(self.table.weight)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        Bigram.steps += torch.is_grad_enabled()
        return self.table(tokens)


def stream(text: nl.tasks.Text, steps: int, seed: int) -> nl.tasks.ByteStream:
    return nl.tasks.byte_stream(text, steps, batch=4, length=32, seed=seed)


@cache
def text() -> nl.tasks.Text:
    return nl.tasks.english(test=0.02)


def raced(**settings: Any) -> nl.trace.Trace:
    table = Entrant(Bigram, lambda model, lr: torch.optim.Adam(model.parameters(), lr=lr))
    frozen = Entrant(Bigram, lambda model, lr: torch.optim.SGD(model.parameters(), lr=0.0))
    return nl.lab.byte_models(
        {"table": table, "frozen": frozen}, text(), stream, rates=[0.001, 0.1], runs=2, steps=12, **settings
    )


def test_a_model_that_does_not_learn_stays_at_chance_and_one_that_does_leaves_it():
    trace = raced()
    table, frozen = trace["bits per byte"]
    np.testing.assert_allclose(frozen, 8.0, atol=1e-5)
    assert (table < 7.2).all()
    assert trace.about["chosen"]["table"] == 0.1
    assert trace["tuning"][0].argmin() == 1
    assert (np.diff(trace["n-grams"]) < 0).all()
    assert trace["parameters"].tolist() == [256 * 256] * 2
    assert trace.about["learned"] == 12 * 4 * 32


def test_a_rate_is_chosen_on_a_part_that_tuning_does_not_learn_from_and_never_on_the_text_that_is_reported(monkeypatch):
    given = []
    whole = stream

    def noted(text: nl.tasks.Text, steps: int, seed: int) -> nl.tasks.ByteStream:
        given.append((text, seed))
        return whole(text, steps, seed)

    monkeypatch.setitem(globals(), "stream", noted)
    raced()
    tuning, reported = given[:2], given[2:4]  # of the first model
    for inner, seed in tuning:
        assert seed >= 100_000
        assert torch.equal(torch.cat([inner.train, inner.test]), text().train)
        assert len(inner.test) == len(text().train) // 10
    assert [seed for _, seed in reported] == [0, 1]
    assert all(one is text() for one, _ in reported)


def test_a_stopped_race_goes_on_with_what_is_kept(tmp_path):
    class StoppedError(Exception):
        pass

    def four(jobs):
        for i, job in enumerate(jobs):
            if i == 4:
                raise StoppedError
            yield job

    with pytest.raises(StoppedError):
        raced(folder=tmp_path, watch=four)
    assert len(list(tmp_path.glob("*.pt"))) == 4
    Bigram.steps = 0
    whole = raced(folder=tmp_path)
    assert Bigram.steps == 4 * 12  # the other four runs
    np.testing.assert_array_equal(whole["bits per byte"], raced()["bits per byte"])


def test_a_race_that_is_whole_leaves_no_run_behind_and_is_run_again_when_asked_again(tmp_path):
    raced(folder=tmp_path)
    assert not list(tmp_path.iterdir())
    Bigram.steps = 0
    raced(folder=tmp_path)
    assert Bigram.steps == 8 * 12


def only_first(jobs):
    """The first run, and then somebody stops it."""
    yield next(iter(jobs))
    raise KeyboardInterrupt


class Chunked(Bigram):
    """Says nothing of its chunk in its repr."""

    def __init__(self, seed: int, chunk: int) -> None:
        super().__init__(seed)
        self.config = {"chunk": chunk}


@pytest.mark.parametrize(
    "other",
    [
        lambda: {"text": replace(text(), about=text().about | {"sha256": "of another text"})},
        lambda: {"text": replace(text(), train=text().train[:-100])},
        lambda: {"steps": 13},
        lambda: {"stream": lambda text, steps, seed: nl.tasks.byte_stream(text, steps, batch=4, length=16, seed=seed)},
        lambda: {"stream": lambda text, steps, seed: nl.tasks.byte_stream(text, steps, batch=2, length=32, seed=seed)},
        lambda: {"build": lambda seed: Chunked(seed, chunk=4)},
        lambda: {"build": lambda seed: Chunked(seed, chunk=8)},
        lambda: {"build": lambda seed: nn.Embedding(256, 256)},
        lambda: {"optimizer": lambda model, lr: torch.optim.SGD(model.parameters(), lr=lr)},
    ],
)
def test_a_run_of_another_text_length_batch_model_or_optimizer_is_not_taken_for_this_one(tmp_path, other):
    given = {
        "text": text(),
        "stream": stream,
        "steps": 12,
        "build": lambda seed: Chunked(seed, chunk=2),
        "optimizer": lambda model, lr: torch.optim.Adam(model.parameters(), lr=lr),
    }
    for settings in (given, given, given | other()):
        build, optimizer, text_, stream_ = (settings[name] for name in ("build", "optimizer", "text", "stream"))
        with pytest.raises(KeyboardInterrupt):
            nl.lab.byte_models(
                {"one": Entrant(build, optimizer)},
                text_,
                stream_,
                rates=[0.01],
                steps=settings["steps"],
                folder=tmp_path,
                watch=only_first,
            )
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_an_interrupt_in_a_run_ends_the_race_and_says_where_it_is_kept(tmp_path):
    def interrupted(model, lr):
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        optimizer.register_step_post_hook(lambda *_: signal.raise_signal(signal.SIGINT))
        return optimizer

    with pytest.raises(KeyboardInterrupt, match=r"stopped by an interrupt after step 1; kept in .*one_0.01_100000_"):
        nl.lab.byte_models({"one": Entrant(Bigram, interrupted)}, text(), stream, [0.01], steps=12, folder=tmp_path)
    assert len(list(tmp_path.glob("*.pt"))) == 1


def diverging(model: Any, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=lr, maximize=lr > 1)


def test_a_rate_that_diverges_in_tuning_is_not_chosen_and_the_table_is_made():
    entrants = {"table": Entrant(Bigram, diverging)}
    trace = nl.lab.byte_models(entrants, text(), stream, rates=[1e38, 0.1], runs=1, steps=12)
    assert trace["tuning"][0, 0] == np.inf
    assert np.isfinite(trace["tuning"][0, 1])
    assert trace.about["chosen"] == {"table": 0.1}


def test_where_every_rate_diverges_a_sentence_says_so():
    entrants = {"table": Entrant(Bigram, diverging)}
    with pytest.raises(FloatingPointError, match="'table' diverges with every rate of 1e\\+38, 2e\\+38; give smaller"):
        nl.lab.byte_models(entrants, text(), stream, rates=[1e38, 2e38], runs=1, steps=12)


def test_the_entrants_have_the_same_number_of_parameters_and_levels_step_on_their_clocks():
    for name, entrant in language.entrants().items():
        model = entrant.build(0)
        assert sum(w.numel() for w in model.parameters()) == pytest.approx(language.PARAMETERS, rel=0.002), name
        optimizer = entrant.optimizer(model, 0.001)
        held = [w for group in optimizer.param_groups for w in group["params"]]
        assert {id(w) for w in held} == {id(w) for w in model.parameters()}
        assert len(held) == len({id(w) for w in held})
        assert getattr(optimizer, "periods", [1]) == ([1, 4, 16] if name.startswith("Hope") else [1])


def test_the_kept_table_comes_from_this_code_and_stands_beside_the_n_grams():
    stored = nl.lab.kept("language_models")
    assert stored.along("model") == list(language.BLOCKS)
    assert (stored["bits per byte"].max(1) < stored["n-grams"][1]).all()  # every run of every model beats order 1
    assert stored.sizes["run"] >= 5
    assert stored.about["learned"] == pytest.approx(500_000, rel=0.01)
    lines = "\n".join(nl.lab.byte_table(stored))
    assert all(name in lines for name in (*language.BLOCKS, "n-gram of order 3"))
    text, entrants = nl.tasks.english(), language.entrants()
    if text.about["sha256"] != stored.about["sha256"]:  # the prose is Python's manual
        assert stored.about["versions"]["python"] != platform.python_version()
        return
    for name, losses in zip(stored.along("model"), stored["loss"], strict=True):
        model, batch = entrants[name].build(0), language._stream(text, language.STEPS, 0)[0]
        assert nl.loops.next_token(model, batch).item() == pytest.approx(losses[0, 0], rel=1e-5), name
