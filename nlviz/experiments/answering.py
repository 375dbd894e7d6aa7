"""Tables of tasks that need a memory: MQAR, a needle in a haystack, and parity, for attention and four memories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .. import lab, tasks
from ..lab.side_by_side import Watch
from ..lab.stored import Experiment
from ..memory import Delta, Hebb, Titans
from ..nested import Hope, HopeAttention, MemoryBlock
from ..nested.layers.block import Block
from ..runtime import project
from ..trace import Trace
from .language import PERIODS, equal_entrants

WIDTH, HEADS, CHUNK = 64, 2, 16
RATES = (0.001, 0.003, 0.01)
MEMORY = {"heads": HEADS, "chunk": CHUNK}
BLOCKS: dict[str, tuple[type[Block], dict[str, Any]]] = {
    "attention": (HopeAttention, {"heads": HEADS, "periods": (1,), "width": 4}),
    "linear (Hebb)": (MemoryBlock, {"rule": Hebb(), **MEMORY}),
    "gated Delta": (MemoryBlock, {"rule": Delta(keep=0.99), **MEMORY}),
    "Titans": (MemoryBlock, {"rule": Titans(hidden=WIDTH // HEADS), **MEMORY}),
    "Hope": (Hope, {"periods": PERIODS, **MEMORY}),
}
"""One block each. All see tokens through the same short convolution; the MLPs behind make parameters equal."""

CONTROLS: dict[str, tuple[type[Block], dict[str, Any]]] = {
    "Delta, lr < 1": (MemoryBlock, {"rule": Delta(lr=0.5, keep=0.99), **MEMORY}),
    **{f"Hope, lr {lr:g}": (Hope, {"periods": PERIODS, "memories": {"lr": lr}, **MEMORY}) for lr in (0.5, 1.0, 2.0)},
    "Hope, explicit": (Hope, {"periods": PERIODS, "memories": {"implicit": False}, **MEMORY}),
}
"""Of parity. A gate takes lr to twice the rule's, and above 1 a write of Delta flips what the memory holds. One of Hope
takes an error back twice, by erasing and by writing, and flips it where its step is above keep / 2: with lr 4 from the
start; with lr 1 and less, and as printed, only where training has made features long or keep small."""

PAIRS, LEARNED_PAIRS, TOKENS = (4, 8, 16, 32), (4, 8, 16), 64
LENGTHS, NEEDLES, DEPTHS, NAMES = (64, 256, 1024), (1, 4), (0.0, 0.5, 1.0), 16
STEPS, ASKED = 800, 200
WORDS = {"2 to 50": tasks.BIN_0, "52 to 100": tasks.BIN_1}


def mqar(watch: Watch) -> Trace:
    """Pairs of 4, 8 and 16 in turn to learn from, 32 to be asked too."""
    return lab.answers(
        equal_entrants(BLOCKS, WIDTH, 1, TOKENS, 50_000),
        lambda seed: tasks.mqar(LEARNED_PAIRS[seed % 3], vocabulary=TOKENS, sequences=32, seed=seed),
        lambda seed, pairs: tasks.mqar(pairs, vocabulary=TOKENS, sequences=ASKED, seed=seed),
        {"pairs": PAIRS},
        LEARNED_PAIRS,
        RATES,
        steps=STEPS,
        folder=_folder("mqar"),
        watch=watch,
    )


def needle(watch: Watch) -> Trace:
    """64 tokens with 1 needle or 4 in turn to learn from, up to sixteen times as many tokens to be asked."""
    return lab.answers(
        equal_entrants(BLOCKS, WIDTH, 1, 257 + 2 * NAMES, 80_000),
        lambda seed: _hay(NEEDLES[seed % 2], LENGTHS[0], None, 16, seed),
        lambda seed, length, needles, depth: _hay(needles, length, depth, ASKED // 2, seed),
        {"length": LENGTHS, "needles": NEEDLES, "depth": DEPTHS},
        LENGTHS[:1],
        RATES,
        steps=STEPS,
        folder=_folder("needle"),
        watch=watch,
    )


def _hay(needles: int, length: int, depth: float | None, sequences: int, seed: int) -> tasks.Sequences:
    return tasks.needle(length, depth, distractors=needles - 1, names=NAMES, sequences=sequences, seed=seed)


def parity(watch: Watch) -> Trace:
    """Words of 2 to 50 letters to learn from, longer ones to be asked too."""
    return lab.answers(
        equal_entrants(BLOCKS | CONTROLS, WIDTH, 1, 2, 42_000),
        lambda seed: tasks.parity(tasks.BIN_0, sequences=16, seed=seed),
        lambda seed, letters: tasks.parity(WORDS[letters], sequences=ASKED, seed=seed),
        {"letters": list(WORDS)},
        list(WORDS)[:1],
        RATES,
        steps=STEPS,
        folder=_folder("parity"),
        watch=watch,
    )


def _folder(name: str) -> Path:
    """Where a table that was stopped goes on."""
    return project() / ".nlviz" / name


NO_MQAR = """\
Nested Learning (arXiv 2512.24695) reports no MQAR: no number of the paper stands beside these. The task is that of
Arora et al. 2023, asked right behind the pairs.
Of 32 pairs, twice as many as they learned from, attention answers 100 % and Hope 97 %, the others 62 to 77 %."""

NEEDLE = """\
Reported are models trained from scratch on about 50 billion tokens and asked RULER's tasks in 4,000 to 16,000 of them;
no size, seed or interval is stated. Ours are one block of 80,000 parameters that read 0.8 million tokens of noise, 64
at a time; a key is one token, a value is one. One needle is nearest to S-NIAH-1, 4 needles to MK-NIAH-1.
Not reproduced: scale, text, long keys and values, several queries; Hope-Attention, RWKV-7, Comba, DLA.
As reported: Hope finds one needle at every length, 99 % and more; among 4 attention is far ahead of every memory, none
of which was trained off chance there. Not as reported: attention finds one needle too, 99 % and more, Hebb 100 %; and
at 1,024 tokens Titans loses it, 16 to 29 % (reported: 100)."""

PARITY = """\
Reported is the share of words with every answer right: compare Parity with that, Bin 0 with 2 to 50 letters, Bin 1
with 52 to 100. No size, seed or interval is stated. Ours are one block of 42,000 parameters. Our gated Delta can write
up to twice an error, which flips what it holds; the control beside it can not. Which of the two the reported DeltaNet
is like is not stated.
As reported: attention and Hebb get no longer word right. Not as reported: gated Delta gets all but 0.1 % of them right
(reported: 10.1 %); held to lr < 1 it gets none. Hope gets 100 % of the short and 89 % of the longer words (reported:
100 and 100). It can flip what it holds too: its rule takes an error back twice, by erasing and by writing. In the one
run looked into (seed 3) two thirds of the writes do so after training. It takes a large rate: with lr 0.5, 1, 2 and 4
it gets 37, 46, 86 and 100 % of the short words. (4 was settled on after a first table with explicit steps, when 1 and
4 had been tried; of all four it is also the best on the seed that rates are chosen with.) Explicit steps, as printed,
were tried at lr 0.5 alone: three of five runs diverged, the other two learned the short words; with implicit steps at
that rate none diverged, and none learned them. In the one taken apart (seed 0) hidden features had grown to a squared
norm of 76: each write overshot more than the one before.
Not reproduced: the other five languages, LSTM and SRWM."""


def _beside(paper: str, foot: str, trace: Trace) -> Iterator[str]:
    """Ours, then the paper's where it has any, then what keeps the two apart."""
    yield from lab.answer_table(trace)
    if paper:
        yield from ("", *lab.reported_table(paper))
    yield from ("", *foot.splitlines())


EXPERIMENTS = [
    Experiment(
        "mqar",
        "Which small model learns to recall pairs, and more of them than it has seen?",
        mqar,
        partial(_beside, "", NO_MQAR),
    ),
    Experiment(
        "needle",
        "Which small model finds a needle in more hay than it has seen?",
        needle,
        partial(_beside, "needle", NEEDLE),
    ),
    Experiment(
        "parity",
        "Which small model learns parity, and keeps it up over longer words?",
        parity,
        partial(_beside, "formal_languages", PARITY),
    ),
]
