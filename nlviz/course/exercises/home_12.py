"""12.C, come_home: the slow copy learns from the fast weights, then these start again from it.

The truth solves both wishes by least squares: the slow copy sits between where it was and where the fast weights are,
with weights 1 − share a and share a; then the fast weights between where they are and the slow copy, 1 − a and a.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...runtime import generator
from ..exercise import Exercise, Function, Mutant

Two = tuple[Tensor, Tensor]


def _between(here: Tensor, there: Tensor, pull: Tensor) -> Tensor:
    """For every run the w that minimises (1 − pull) ‖w − here‖² + pull ‖w − there‖²."""
    found = []
    for one, other, p in zip(here, there, pull.flatten(), strict=True):
        roots = torch.stack([1 - p, p]).sqrt()[:, None]  # (2, 1)
        wishes = roots * torch.stack([one.flatten(), other.flatten()])
        found.append(torch.linalg.lstsq(roots, wishes).solution.view_as(one))
    return torch.stack(found)


def _come_home(fast: Tensor, slow: Tensor, a: Tensor, share: float) -> Two:
    slow = _between(slow, fast, share * a)
    return _between(fast, slow, a), slow


def _abroad(seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """Runs with a gate that is open, one with a closed gate, one that goes a part of the way."""
    draws = generator(seed)
    shape = ((4, 3, 2), (4, 1, 3), (4, 2, 2))[seed % 3]
    fast, slow = torch.randn(2, *shape, generator=draws, dtype=torch.float64)
    a = torch.tensor([1.0, 0.0, 1.0, 0.3], dtype=torch.float64)[torch.randperm(4, generator=draws)]
    return fast, slow, a[:, None, None], (0.1, 0.25, 0.2)[seed % 3]


def _two(*shape: int, seed: int) -> tuple[Tensor, Tensor]:
    fast, slow = torch.randn(2, *shape, generator=generator(seed), dtype=torch.float64)
    return fast, slow


def _towards(here: Tensor, there: Tensor, share: float | Tensor) -> Tensor:
    return here + share * (there - here)


def _in_place(fast: Tensor, slow: Tensor, a: Tensor, share: float) -> Two:
    slow += share * a * (fast - slow)
    fast += a * (slow - fast)
    return fast, slow


def _stays(fn: Function) -> bool | str:
    fast, slow = _two(2, 3, 3, seed=30)
    new, kept = fn(fast, slow, torch.zeros(2, 1, 1, dtype=torch.float64), 0.25)
    moved = {"the fast weights": float((new - fast).abs().max()), "the slow copy": float((kept - slow).abs().max())}
    worst = max(moved, key=moved.__getitem__)
    return moved[worst] < 1e-8 or f"in yours {worst} move, by up to {moved[worst]:.3g}"


def _meets(fn: Function) -> bool | str:
    fast, slow = _two(2, 3, 3, seed=31)
    new, kept = fn(fast, slow, torch.ones(2, 1, 1, dtype=torch.float64), 0.25)
    gone = float(((kept - slow) * (fast - slow)).sum() / (fast - slow).square().sum())
    if abs(gone - 0.25) > 1e-8:
        return f"your slow copy goes {gone:.3g} of the way to the fast weights where 0.25 is the share"
    away = float((new - kept).abs().max())
    return away < 1e-8 or f"yours end {away:.3g} apart in one entry"


def _settles(fn: Function) -> bool | str:
    fast, slow = _two(2, 3, 3, seed=32)
    home = torch.ones(2, 1, 1, dtype=torch.float64)
    once = fn(fast, slow, home, 0.25)
    twice = fn(*once, home, 0.25)
    moved = max(float((a - b).abs().max()) for a, b in zip(once, twice, strict=True))
    return moved < 1e-8 or f"the second time yours move by up to {moved:.3g}"


COME_HOME = Exercise(
    id="12.C",
    name="come_home",
    task="Let the slow copy learn a share of what the fast weights found, then let these start again from it.",
    cases=_abroad,
    truth=_come_home,
    gives=("the fast weights", "the slow copy"),
    properties=(
        ("with a closed gate both stay where they are", _stays),
        ("with an open gate the slow copy goes its share of the way, and the fast weights meet it there", _meets),
        ("who is at home already and comes home again has not moved", _settles),
    ),
    mutants=(
        Mutant(
            "home first, then learn",
            lambda fast, slow, a, share: (
                _towards(fast, slow, a),
                _towards(slow, _towards(fast, slow, a), share * a),
            ),
            "The fast weights come home first here, and then the slow copy has nothing left to learn from. "
            "Consolidate, then restart.",
        ),
        Mutant(
            "to the old copy",
            lambda fast, slow, a, share: (_towards(fast, slow, a), _towards(slow, fast, share * a)),
            "The slow copy learns its share, but the fast weights start from where it was before. "
            "Give them the copy that has learned.",
        ),
        Mutant(
            "no consolidation",
            lambda fast, slow, a, share: (_towards(fast, slow, a), slow.clone()),
            "The fast weights come home, and the slow copy learns nothing: home would stay for ever what it was on "
            "the first day. `share` has not been used yet.",
        ),
        Mutant(
            "the whole way",
            lambda fast, slow, a, share: (fast.clone(), _towards(slow, fast, a)),
            "The slow copy goes the whole way to the fast weights, and whatever was learned abroad becomes home. "
            "It takes a `share` of the step.",
        ),
        Mutant(
            "a share for the fast ones too",
            lambda fast, slow, a, share: (
                _towards(fast, _towards(slow, fast, share * a), share * a),
                _towards(slow, fast, share * a),
            ),
            "The fast weights go only a share of the way home. The share is the slow copy's; "
            "the fast weights go as far as the gate says, and with 1 that is all the way.",
        ),
        Mutant(
            "the shares exchanged",
            lambda fast, slow, a, share: (
                _towards(fast, _towards(slow, fast, a * (1 - share)), a),
                _towards(slow, fast, a * (1 - share)),
            ),
            "Most of the slow copy has become the fast weights: `share` and 1 − share have changed places. "
            "It should take a small step.",
        ),
        Mutant(
            "away from them",
            lambda fast, slow, a, share: (
                _towards(fast, _towards(slow, fast, -share * a), a),
                _towards(slow, fast, -share * a),
            ),
            "The slow copy walks away from the fast weights: the difference has the wrong sign. "
            "Towards them is fast minus slow.",
        ),
        Mutant(
            "learns at every step",
            lambda fast, slow, a, share: (
                _towards(fast, _towards(slow, fast, share), a),
                _towards(slow, fast, share),
            ),
            "The slow copy learns at every step, gate or no gate: half an excursion later it would have moved abroad. "
            "Its step is `share` times the gate.",
        ),
        Mutant(
            "comes home at every step",
            lambda fast, slow, a, share: (_towards(slow, fast, share * a), _towards(slow, fast, share * a)),
            "The fast weights come home at every step, gate or no gate, and never learn more than one batch. "
            "They go as far as `a` says.",
        ),
        Mutant(
            "the gate upside down",
            lambda fast, slow, a, share: _come_home(fast, slow, 1 - a, share),
            "The gate is read upside down: 1 sends them home, 0 leaves them alone.",
        ),
        Mutant(
            "one gate for all",
            lambda fast, slow, a, share: _come_home(fast, slow, a.max().expand_as(a), share),
            "One run came home, and it took all the others along. Multiply with `a` as it is: "
            "it has an entry for every run.",
        ),
        Mutant(
            "in place",
            _in_place,
            "The numbers are right, but the caller's weights were written over: `+=` and methods that end in `_` do "
            "that. `slow = slow + ...` makes a new tensor.",
        ),
        Mutant(
            "only the fast weights",
            lambda *given: _come_home(*given)[0],
            "These are the fast weights, and they are right. Hand back the slow copy too: it has learned something.",
        ),
        Mutant(
            "swapped",
            lambda *given: _come_home(*given)[::-1],
            "Both are right, but they come in the wrong order: the fast weights first, then the slow copy.",
        ),
    ),
    hints=(
        "Two movements, each a part of the way from one to the other. Which has to come first, so that what was "
        "learned abroad is not lost?",
        "A part p of the way from x to y is `x + p * (y - x)`, or `torch.lerp(x, y, p)`. For the slow copy the part "
        "is `share * a`, for the fast weights it is `a`.",
        "First `slow = slow + share * a * (fast - slow)`; then the fast weights move by `a` towards this new slow. "
        "Return both, fast first.",
    ),
)
