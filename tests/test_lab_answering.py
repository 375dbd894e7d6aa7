"""Models that learn to answer, side by side: chance, tuning, a table that goes on, and the numbers beside it."""

from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nlviz as nl
from nlviz.experiments import answering
from nlviz.lab import Entrant
from nlviz.lab.answering import APART, NOT_TRAINED
from nlviz.lab.stored import LIMIT
from nlviz.nested import Hope
from nlviz.tasks import Sequences

LETTERS = 8
KEPT = ["mqar", "needle", "parity"]


class Map(nn.Module):
    """An answer for each token; counts the batches it learned from."""

    steps = 0

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.table = nn.Embedding(LETTERS, LETTERS)
        nn.init.normal_(self.table.weight, generator=torch.Generator().manual_seed(seed))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        Map.steps += torch.is_grad_enabled()
        return self.table(tokens)


def next_letter(length: int = 6, first: int = LETTERS, seed: int = 0, sequences: int = 16) -> Sequences:
    """After each of the first letters the one that follows in the alphabet."""
    tokens = torch.randint(first, (sequences, length), generator=torch.Generator().manual_seed(seed))
    about = dict(task="next letter", length=length, first=first, seed=seed, sequences=sequences)
    return Sequences(tokens, (tokens + 1) % LETTERS, LETTERS, 1 / LETTERS, "next letter", about)


def adam(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=lr)


def still(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.0)


def asked(draw: Any = lambda seed: next_letter(seed=seed), **settings: Any) -> nl.trace.Trace:
    entrants = {"table": Entrant(Map, adam), "still": Entrant(Map, still)}
    given: dict[str, Any] = {"rates": [0.001, 0.5, 0.02], "runs": 3, "steps": 30} | settings
    return nl.lab.answers(
        given.pop("entrants", entrants),
        draw,
        next_letter,
        {"length": [6, 12], "first": [4, 8]},
        trained=[6],
        **given,
    )


def the_same(one: nl.trace.Trace, other: nl.trace.Trace) -> None:
    for name in set(one) - {"seconds"}:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert one.axes == other.axes
    assert one.labels == other.labels
    assert one.about == other.about


@pytest.fixture(scope="module")
def whole() -> nl.trace.Trace:
    return asked()


def test_what_is_learned_is_answered_in_every_setting_and_who_does_not_learn_stays_behind(whole):
    assert whole.axes["accuracy"] == ("model", "length", "first", "run")
    table = whole.select(model="table")
    assert (table["accuracy"] == 1).all()
    assert (table["whole"] == 1).all()
    assert (whole.select(model="still")["accuracy"] < 0.5).all()
    assert whole.about["chosen"]["table"] == 0.5
    assert whole["chance"].tolist() == [[1 / 8] * 2] * 2
    assert whole["parameters"].tolist() == [64, 64]
    assert whole.about["learned"] == 30 * 16


def test_shares_are_those_that_right_counts(whole):
    model = Map(seed=2)  # of the third run; what stays still is as it was built
    for length in (6, 12):
        paper = next_letter(length=length, first=4)
        shares = nl.loops.right(model, paper.batches())
        here = whole.select(model="still", length=length, first=4, run=2)
        assert (float(here["accuracy"]), float(here["whole"])) == shares


def test_a_rate_is_chosen_from_a_seed_apart_and_by_questions_that_are_not_reported():
    drawn, questions = [], []

    def noted(seed: int) -> Sequences:
        drawn.append(seed)
        return next_letter(seed=seed)

    def paper(seed: int, **setting: int) -> Sequences:
        questions.append((seed, setting["length"]))
        return next_letter(seed=seed, **setting)

    trace = nl.lab.answers(
        {"table": Entrant(Map, adam)}, noted, paper, {"length": [6, 12]}, [6], rates=[0.001, 0.3], runs=2, steps=2
    )
    streams = list(dict.fromkeys(seed // 1_000_000 - 1 for seed in drawn if seed >= 1_000_000))
    assert streams == [APART, 0, 1]
    assert questions == [(0, 6), (0, 12), (1, 6)]  # reported; then those to choose by, of a length that is learned
    assert trace.about["chosen"]["table"] == trace.along("rate")[int(trace["tuning"][0].argmin())]


class Breaks(Map):
    """Learns; in the run of seed 1 its answers become infinite."""

    learned = 0

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        self.learned += torch.is_grad_enabled()
        breaks = self.seed == 1 and torch.is_grad_enabled() and self.learned == 20
        return super().forward(tokens) * (float("inf") if breaks else 1.0)


def test_a_run_that_diverges_is_asked_as_it_stood_and_the_table_says_so():
    trace = asked(entrants={"table": Entrant(Map, adam), "breaks": Entrant(Breaks, adam)})
    assert trace["diverged"].tolist() == [[False] * 3, [False, True, False]]
    assert np.isnan(trace["loss"]).any(-1).tolist() == trace["diverged"].tolist()
    assert (trace.select(model="breaks")["accuracy"] == 1).all()  # after 18 steps it knew
    (line,) = (line for line in nl.lab.answer_table(trace) if "diverged" in line)
    assert line.startswith("breaks")
    assert "1 of 3 runs diverged, and are asked as they stood before" in line


def test_an_answer_that_is_no_number_is_not_right():
    says = nn.Embedding.from_pretrained(torch.tensor([[float("nan"), 0.0], [0.0, 1.0]]))
    tokens = torch.tensor([[0, 1]])
    assert nl.loops.right(says, [(tokens, tokens)]) == (0.5, 0.0)


def test_trained_names_a_setting():
    with pytest.raises(ValueError, match="answers: trained names those that were learned from of length 6, 12; got"):
        nl.lab.answers({"table": Entrant(Map, adam)}, next_letter, next_letter, {"length": [6, 12]}, [5], [0.5])


def only(jobs: Any, n: int) -> Any:
    """So many runs, and then somebody stops it."""
    for i, job in enumerate(jobs):
        if i == n:
            raise KeyboardInterrupt
        yield job


def test_a_table_that_was_stopped_goes_on_trains_nothing_twice_and_is_the_same_to_the_bit(tmp_path, whole):
    with pytest.raises(KeyboardInterrupt):
        asked(folder=tmp_path, watch=partial(only, n=4))
    assert len(list(tmp_path.glob("*.pt"))) == 4
    Map.steps = 0
    the_same(asked(folder=tmp_path), whole)
    assert Map.steps == (2 * (3 + 3) - 4) * 30
    assert not list(tmp_path.iterdir())  # a table that is whole is run again when asked again


def test_a_run_that_was_stopped_in_its_middle_goes_on_from_there(tmp_path, whole):
    def interrupted(model: Map, lr: float) -> torch.optim.Optimizer:
        optimizer = adam(model, lr)
        if model.seed == 1:
            count = iter(range(1_000))
            optimizer.register_step_post_hook(
                lambda *_: signal.raise_signal(signal.SIGINT) if next(count) == 12 else None
            )
        return optimizer

    entrants = {"table": Entrant(Map, interrupted), "still": Entrant(Map, still)}
    with pytest.raises(KeyboardInterrupt, match="stopped by an interrupt after step 13; kept in"):
        asked(folder=tmp_path, entrants=entrants)
    Map.steps = 0
    the_same(asked(folder=tmp_path), whole)
    assert Map.steps == (1 + 6) * 30 + 17


def letter_after_next(seed: int) -> Sequences:
    """Says of itself that it is the other task."""
    task = next_letter(seed=seed)
    return replace(task, targets=(task.tokens + 2) % LETTERS)


@pytest.mark.parametrize(
    "other",
    [{"steps": 31}, {"draw": lambda seed: next_letter(seed=seed, sequences=8)}, {"draw": letter_after_next}],
    ids=["steps", "batch", "answers"],
)
def test_a_run_of_another_task_or_length_is_not_taken_for_this_one(tmp_path, other):
    for settings in ({}, {}, other):
        with pytest.raises(KeyboardInterrupt):
            asked(folder=tmp_path, watch=partial(only, n=1), **settings)
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_the_table_says_which_model_was_not_trained_off_chance_and_no_verdict(whole):
    lines = list(nl.lab.answer_table(whole))
    (given,) = (line for line in lines if NOT_TRAINED in line and line.startswith("still"))
    assert not any(NOT_TRAINED in line for line in lines if line.startswith("table"))
    assert " 30 " in given
    assert "which is no verdict on the model" in lines[-2]
    short = next(line for line in lines if line.startswith("length 6, first 4 "))
    assert short.split()[4:7] == ["100.0", "±", "0.0"]
    assert short.split()[-2:] == ["0.0*", "12.5"]  # what stays still, and chance


def off_chance(way: list[float], trained: int = 5) -> bool:
    """Whether a model whose runs came so far from chance counts as trained on 5 pairs."""
    accuracy = 0.2 + 0.8 * np.array([[way]])
    axes = {"accuracy": ("model", "pairs", "run"), "chance": ("pairs",)}
    arrays = {"accuracy": accuracy, "chance": np.array([0.2])}
    return not nl.lab.untrained(nl.trace.Trace(arrays, axes, {"pairs": [5]}, {"trained": [trained]}))[0, 0]


def test_off_chance_is_a_third_of_the_way_or_more_with_chance_outside_the_interval():
    assert off_chance([0.34, 0.36, 0.35])
    assert not off_chance([0.30, 0.32, 0.31])  # surely better than chance, and barely
    assert not off_chance([1.0, 0.0, 0.1])  # 0.37 on average, and one run of three


def test_nobody_is_said_to_be_untrained_in_a_setting_that_was_not_learned(whole):
    assert off_chance([0.0, 0.1, 0.1], trained=4)
    assert nl.lab.untrained(whole).tolist() == [[[False] * 2] * 2, [[True] * 2, [False] * 2]]


@pytest.mark.parametrize(("name", "table", "many"), [("needle", "1", 7 * 6 * 3), ("formal_languages", "5", 6 * 6 * 2)])
def test_reported_numbers_name_their_table_and_source(name, table, many):
    numbers = nl.lab.reported(name)
    assert len(numbers) == len({number[:4] for number in numbers}) == many
    assert {(number.table, number.source) for number in numbers} == {(table, "arXiv 2512.24695")}
    assert all(0 <= number.value <= 100 for number in numbers)
    lines = list(nl.lab.reported_table(name))
    assert "arXiv 2512.24695" in lines[0]
    assert len(lines) == 2 + len({number.model for number in numbers})
    assert max(map(len, lines)) <= 120


def test_a_table_that_is_not_kept_is_answered_with_those_that_are():
    with pytest.raises(FileNotFoundError, match="there are formal_languages, needle"):
        nl.lab.reported("mqar")


# What is kept in data/results/


@pytest.fixture(scope="module", params=KEPT)
def table(request: pytest.FixtureRequest) -> tuple[nl.trace.Trace, Any, Any]:
    """A kept Trace, and what the experiment of its name gives `answers` to make it anew."""
    experiment: Any = next(one for one in answering.EXPERIMENTS if one.name == request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nl.lab, "answers", lambda *given, **settings: (given, settings))
        return nl.lab.kept(experiment.name), experiment, experiment.make(iter)


def test_a_kept_table_is_the_one_that_this_code_makes(table):
    trace, experiment, ((entrants, draw, ask, settings, trained, rates), more) = table
    assert list(answering.BLOCKS) == trace.along("model")[:5]
    assert trace.along("model") == list(entrants)
    assert all(trace.along(axis) == list(values) for axis, values in settings.items())
    assert (trace.along("rate"), trace.about["trained"]) == (list(rates), list(trained))
    assert trace.about["steps"] == more["steps"]
    assert trace.about["question"] == experiment.question
    assert trace.about["learned"] == more["steps"] * len(draw(0))
    hardest = {axis: values[-1] for axis, values in settings.items()}
    assert float(trace.select(**hardest)["chance"]) == ask(seed=0, **hardest).chance
    for name, losses, diverged in zip(trace.along("model"), trace["loss"], trace["diverged"], strict=True):
        run = int(diverged.argmin())  # the first that came to its end
        with torch.no_grad():
            first = nl.loops.asked(entrants[name].build(run), nl.tasks.Fresh(draw, more["steps"], run)[0])
        assert float(first) == pytest.approx(losses[run, 0], rel=1e-4), name


def test_a_kept_table_has_five_runs_a_model_and_says_what_each_was_given(table):
    trace, experiment, _ = table
    assert trace.sizes["run"] == 5
    assert nl.runtime.project().joinpath("data", "results", f"{experiment.name}.npz").stat().st_size < LIMIT
    assert all(np.isfinite(trace[name]).all() for name in set(trace) - {"loss", "seconds", "tuning"})
    assert np.isfinite(trace["tuning"].min(1)).all()
    assert (np.isfinite(trace["seconds"]) == ~trace["diverged"]).all()
    assert (np.isfinite(trace["loss"]).all(-1) == ~trace["diverged"]).all()
    assert trace["parameters"] == pytest.approx(trace["parameters"].mean(), rel=0.002)
    lines = list(experiment.tell(trace))
    for name, size in zip(trace.along("model"), trace["parameters"], strict=True):
        assert any(line.startswith(f"{name} ") and f" {size:,} " in line and "  800 " in line for line in lines), name
    assert sum(NOT_TRAINED in line for line in lines) == nl.lab.untrained(trace).reshape(len(trace["loss"]), -1).any(
        1
    ).sum() + bool(nl.lab.untrained(trace).any())
    assert any("Not reproduced" in line or "reports no MQAR" in line for line in lines)
    assert max(map(len, lines)) <= 120


def percent(trace: nl.trace.Trace, which: str = "accuracy") -> dict[str, np.ndarray]:
    """The mean of the runs by model, in the settings that are left."""
    return dict(zip(trace.along("model"), 100 * trace[which].mean(-1), strict=True))


def test_what_is_said_of_mqar_is_so():
    shares = percent(nl.lab.kept("mqar").select(pairs=32))
    told = f"attention answers {shares.pop('attention'):.0f} % and Hope {shares.pop('Hope'):.0f} %, "
    told += f"the others {min(shares.values()):.0f} to {max(shares.values()):.0f} %"
    assert told in answering.NO_MQAR


def test_what_is_said_of_needles_is_so():
    trace, said = nl.lab.kept("needle"), " ".join(answering.NEEDLE.split())
    one, four = percent(trace.select(needles=1)), percent(trace.select(needles=4))  # (length, depth)
    assert "Hope finds one needle at every length, 99 % and more" in said
    assert one["Hope"].min() >= 99
    assert "none of which was trained off chance there" in said
    memories = [name for name in four if name != "attention"]
    short = dict(zip(trace.along("model"), nl.lab.untrained(trace), strict=True))
    for name in memories:
        assert short[name][0].tolist() == [[False] * 3, [True] * 3]
        assert (four["attention"].mean(1) - four[name].mean(1)).min() > 50
    assert "attention finds one needle too, 99 % and more, Hebb 100 %" in said
    assert one["attention"].min() >= 99
    assert one["linear (Hebb)"].min() == 100
    lost = one["Titans"][-1]  # at every depth
    assert f"at 1,024 tokens Titans loses it, {lost.min():.0f} to {lost.max():.0f} % (reported: 100)" in said
    reported = {number.value for number in nl.lab.reported("needle") if number[1:3] == ("Titans", "S-NIAH-1")}
    assert reported == {100}


def test_what_is_said_of_parity_is_so():
    trace, said = nl.lab.kept("parity"), " ".join(answering.PARITY.split())
    longer = percent(trace.select(letters="52 to 100"), "whole")
    assert "attention and Hebb get no longer word right" in said
    assert "held to lr < 1 it gets none" in said
    assert longer["attention"] == longer["linear (Hebb)"] == longer["Delta, lr < 1"] == 0
    assert f"gated Delta gets all but {100 - longer['gated Delta']:.1f} % of them right (reported: 10.1 %)" in said
    reported = {number[1:4]: number.value for number in nl.lab.reported("formal_languages")}
    assert reported["Transformer", "Parity", "Bin 1"] == reported["Linear", "Parity", "Bin 1"] == 0
    assert reported["DeltaNet", "Parity", "Bin 1"] == 10.1
    short = percent(trace.select(letters="2 to 50"), "whole")
    told = f"Hope gets {short['Hope']:.0f} % of the short and {longer['Hope']:.0f} % of the longer words"
    assert f"{told} (reported: 100 and 100)." in said
    assert reported["Hope", "Parity", "Bin 0"] == reported["Hope", "Parity", "Bin 1"] == 100
    diverged = dict(zip(trace.along("model"), trace["diverged"].sum(1).tolist(), strict=True))
    assert {name: count for name, count in diverged.items() if count} == {"Hope, explicit": 3}
    assert "at lr 0.5 alone: three of five runs diverged, the other two learned the short words" in said
    printed = trace.select(model="Hope, explicit")
    assert (printed.select(letters="2 to 50")["whole"][~printed["diverged"]] > 0.9).all()
    assert "with implicit steps at that rate none diverged, and none learned them" in said
    assert (trace.select(model="Hope, lr 0.5", letters="2 to 50")["whole"] < 0.9).all()
    rates = ["Hope, lr 0.5", "Hope, lr 1", "Hope, lr 2", "Hope"]
    each = " and ".join(", ".join(f"{short[name]:.0f}" for name in rates).rsplit(", ", 1))
    assert f"with lr 0.5, 1, 2 and 4 it gets {each} % of the short words" in said
    tuning = dict(zip(trace.along("model"), trace["tuning"].min(1), strict=True))
    assert min(rates, key=tuning.__getitem__) == "Hope"
    assert "of all four it is also the best on the seed that rates are chosen with" in said


def test_hopes_controls_differ_from_it_in_what_they_are_called_after():
    plain = answering.BLOCKS["Hope"][0](8, **answering.BLOCKS["Hope"][1])
    for name, (block, settings) in answering.CONTROLS.items():
        if block is Hope:
            layer = block(8, **settings).mixer
            assert name == (f"Hope, lr {layer.lr:g}" if layer.step.implicit else "Hope, explicit")
            assert layer.step.implicit or layer.lr == 0.5
    assert (plain.mixer.lr, plain.mixer.step.implicit) == (4.0, True)


def test_one_setting_is_a_figure():
    trace = nl.lab.kept("mqar")
    figure = nl.figures.intervals(
        dict(zip(trace.along("model"), trace.select(pairs=32)["accuracy"], strict=True)),
        x="right answers, 32 pairs",
        chance=1 / 32,
    )
    assert "Hope: 0.97" in figure.alt
