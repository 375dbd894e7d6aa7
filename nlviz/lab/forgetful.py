"""A trained model that sees the last few tokens only, and what becomes of a fact once it is out of sight.

    key, query ← unit(W name), unit(W' name)        value ← a code for each, learned
    frozen        answer ← attention over the window's pairs
    with memory   answer ← attention + strength · a memory that is written at every fact, with the same keys and values

The model is trained by gradient descent, then frozen: everything it knows of this stream is in its window. The paper's
image for it is anterograde amnesia (Nested Learning, section 1). The memory goes on learning: its writes are gradient
steps, taken while it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ..memory import scan
from ..runtime import generator, provenance
from ..trace import Trace
from .side_by_side import Watch

if TYPE_CHECKING:
    from ..memory.base import Rule
    from ..tasks import Facts

AGES = (0, 1, 2, 4, 8, 16, 24, 31, 32, 40, 48, 56, 64, 96, 128, 192, 256, 384, 512)
SELDOM = 16
"""Facts from write to write of the control that takes the last gradient alone."""
APART = 10_007
"""From the seed of a run's facts to that of all else that is drawn for it."""
METHODS = ("frozen", "with memory", "last gradient", "shuffled values")


def amnesia(
    window: Rule,
    memory: Rule,
    facts: Callable[..., Facts],
    runs: int = 20,
    seed: int = 0,
    steps: int = 200,
    strength: float = 4.0,
    watch: Watch = iter,
) -> Trace:
    """Train a model that attends to a window, freeze it, and ask it for facts of all ages, with and without a memory.

    Args:
        window: attention over the last pairs; its scale is taken as the model's, times a sharpness that it learns.
        memory: any rule; it starts empty, nothing about it is trained.
        facts: called as `facts(ages=, runs=, seed=, steps=)`.
        runs: seeds seed, seed + 1, ...; each a model of its own, trained and asked on facts of its own.
        steps: of training, each on 512 fresh facts with questions of ages 0 to 63.
        strength: how much the memory's answer counts beside attention's.
        watch: goes through the training steps, `tqdm` say.

    Returns:
        A Trace with "right" `(method, run, age)`, the share of right answers by how many facts were told since, each
        from about 200 questions. Methods: "frozen"; "with memory"; and two controls that share its keys: "last
        gradient" looks at every 16th fact alone, "shuffled values" is told other values.

    >>> import nlviz as nl
    >>> trace = amnesia(nl.Attention(window=32, scale=1.0), nl.Delta(0.5), nl.tasks.aging_facts, runs=2, steps=2)
    >>> trace.sizes
    {'method': 4, 'run': 2, 'age': 19}
    """
    asked = facts(ages=AGES, runs=runs, seed=seed)
    model = _Model(asked, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)  # elementwise: no run sees another
    for step in watch(range(steps)):
        lesson = facts(ages=range(64), runs=runs, seed=seed + 1_000_003 * (step + 1), steps=128)
        keys, values, queries = model(lesson)
        said = model.say(scan(window, keys, values, model.sharpness * queries, chunk=32)[0])
        loss = cross_entropy(said.flatten(0, 2), lesson.answers.flatten()) * runs
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = dict(zip(METHODS, _answers(model, asked, window, memory, strength, seed), strict=True))
    right = torch.stack([by_age(model.say(answer), asked) for answer in answers.values()])
    about = provenance(
        **asked.about,
        training_steps=steps,
        strength=strength,
        chance=asked.chance,
        window=window.window,  # type: ignore[attr-defined]
        rules={"frozen": repr(window), "with memory": repr(memory)},
    )
    labels: dict[str, Any] = {"method": list(answers), "age": list(AGES)}
    return Trace({"right": right.numpy()}, {"right": ("method", "run", "age")}, labels, about)


class _Model(nn.Module):
    """One model a run, side by side: every weight has a leading axis of runs."""

    def __init__(self, facts: Facts, seed: int, d_value: int = 32) -> None:
        super().__init__()
        runs, d = facts.names.shape[0], facts.names.shape[-1]
        shapes = ((d, d), (d, d), (facts.choices, d_value), (d_value, facts.choices))
        draws = [generator(s + APART) for s in range(seed, seed + runs)]
        self.key, self.query, self.value, self.head = (
            nn.Parameter(torch.stack([nn.init.orthogonal_(torch.empty(shape), generator=g) for g in draws]))
            for shape in shapes
        )
        self.sharpness = nn.Parameter(torch.full((runs, 1, 1, 1), 3.0))

    def forward(self, facts: Facts) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values of the facts, and the queries, each `(run, sequence, step, ...)`."""
        keys = normalize(facts.names @ self.key[:, None], dim=-1)
        values = self.value[torch.arange(len(keys))[:, None, None], facts.values]
        queries = normalize(facts.names @ self.query[:, None], dim=-1)
        return keys, values, queries.gather(2, facts.asked[..., None].expand(queries.shape))

    def say(self, answer: Tensor) -> Tensor:
        """Scores of the values."""
        return answer @ self.head[:, None]


def _answers(model: _Model, facts: Facts, window: Rule, memory: Rule, strength: float, seed: int) -> Iterable[Tensor]:
    keys, values, queries = model(facts)
    seen, _ = scan(window, keys, values, model.sharpness * queries)
    yield seen
    yield seen + strength * scan(memory, keys, values, queries)[0]
    steps = keys.shape[-2]
    now = torch.arange(steps) % SELDOM == SELDOM - 1
    yield seen + strength * scan(memory, keys, values, queries, lr=now * memory.lr)[0]  # type: ignore[attr-defined]
    others = torch.stack([torch.randperm(steps, generator=generator(seed + run + APART)) for run in range(len(keys))])
    shuffled = values.gather(2, others[:, None, :, None].expand(values.shape))
    yield seen + strength * scan(memory, keys, shuffled, queries)[0]


def by_age(scores: Tensor, facts: Facts) -> Tensor:
    """Share of right answers of each age `(run, age)`; of the questions before which a fact of every age was told."""
    right = scores.argmax(-1) == facts.answers
    old = torch.arange(right.shape[-1]) >= max(AGES)
    shares = []
    for age in AGES:
        counts = (facts.ages == age) & old
        shares.append((right & counts).sum((1, 2)) / counts.sum((1, 2)))
    return torch.stack(shares, dim=-1)
