"""The one setting in which the tick itself wins: a fast memory under keys that a slow encoder makes.

The keys of stored items turn while the encoder drifts. Held still for C steps and then moved at once, with the memory
cleared and written anew at that tick, every stored key of a plateau is exactly right. Either half alone does not do it.
(Chapter 9; the good reading of the nested variant, Nested Learning, eq. 72.)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..memory import Delta
from ..runtime import generator, provenance
from ..trace import Trace

ITEMS, CODES, D = 16, 64, 32
WAYS = {
    "held; rebuilt at the tick": ("held", "rebuilt"),
    "held, ticks at random; rebuilt": ("held at random", "rebuilt"),
    "every step; rolling": ("every step", "rolling"),
    "every step; rebuilt": ("every step", "rebuilt"),
    "averaged; rolling": ("averaged", "rolling"),
    "averaged; rebuilt": ("averaged", "rebuilt"),
    "held; rolling": ("held", "rolling"),
    "held; no re-writes": ("held", "none"),
    "every step; no re-writes": ("every step", "none"),
}
"""How the encoder moves, and how sixteen re-writes a period are spent."""
_ENCODERS = ("every step", "held", "held at random", "averaged")


def staircase(
    drift: float = 0.05,
    walk: bool = False,
    every: int = 64,
    lr: float = 0.6,
    keep: float = 1.0,
    runs: int = 20,
    steps: int = 800,
    seed: int = 0,
) -> Trace:
    """Sixteen items are re-bound and asked for, while their keys turn.

    Args:
        drift: how far keys turn a step, in radians (root mean square over directions).
        walk: turn back and forth at random, `drift` being the typical step, instead of always on.
        every: C, steps from tick to tick; sixteen re-writes are spent in as many.
        lr, keep: of the delta rule that writes.
        runs: seeds seed, seed + 1, ...
        steps: of which the first two periods are not counted in "recall".

    Returns:
        A Trace with "recall" `(way, run)`, the share of right answers, and "right" `(way, run, step)` of 0 and 1. The
        ways are those of `WAYS`; an averaged encoder follows the drifting one at the mean lag of a held one.

    Raises:
        ValueError: for a period that is not a multiple of 16, or fewer steps than three periods.

    >>> staircase(runs=2, steps=192)["right"].shape
    (9, 2, 192)
    """
    if every % ITEMS or steps < 3 * every:
        raise ValueError(
            f"staircase: every must be a multiple of {ITEMS} and steps 3 every or more; got {every}, {steps}"
        )
    draws = [generator(s) for s in range(seed, seed + runs)]

    def draw(n: int, *shape: int) -> Tensor:
        return torch.stack([torch.randint(n, shape, generator=g) for g in draws])

    live = _keys(draws, drift, walk, steps)
    codes = torch.stack([normalize(torch.randn(CODES, D, generator=g), dim=-1) for g in draws])
    holds, bound, new, away = draw(CODES, ITEMS), draw(ITEMS, steps), draw(CODES, steps), draw(ITEMS - 1, steps)
    asked = (bound + 1 + away) % ITEMS  # never the item just bound
    ticks = torch.zeros(2, runs, steps, dtype=torch.bool)  # regular, and as many at random
    ticks[0, :, ::every] = True
    for i, g in enumerate(draws):
        ticks[1, i, torch.randperm(steps - 1, generator=g)[: int(ticks[0, 0].sum()) - 1] + 1] = True
    ticks[1, :, 0] = True

    rule, each = Delta(lr=lr, keep=keep), torch.arange(runs)
    encoder = torch.tensor([_ENCODERS.index(how) for how, _ in WAYS.values()])
    rebuilt = torch.tensor([spent == "rebuilt" for _, spent in WAYS.values()])
    rolling = torch.tensor([spent == "rolling" for _, spent in WAYS.values()])
    irregular = torch.tensor([how == "held at random" for how, _ in WAYS.values()]).long()
    memory = torch.zeros(len(WAYS), runs, D, D)
    held, mean = live[:, 0].expand(2, -1, -1, -1), live[:, 0]
    right = []
    for step in range(steps):
        now = live[:, step]
        mean = mean + (now - mean) / (1 + (every - 1) / 2)
        held = torch.where(ticks[:, :, step, None, None], now, held)
        keys = torch.stack([now, held[0], held[1], normalize(mean, dim=-1)])[encoder]  # (way, run, item, D)

        way, run = (rebuilt[:, None] & ticks[irregular, :, step]).nonzero(as_tuple=True)
        if len(way):
            anew = torch.zeros(len(way), D, D)
            for item in range(ITEMS):
                anew, _ = rule.write(anew, keys[way, run, item], codes[run, holds[run, item]])
            memory[way, run] = anew
        if step % (every // ITEMS) == 0:
            item = step // (every // ITEMS) % ITEMS
            memory[rolling], _ = rule.write(memory[rolling], keys[rolling, :, item], codes[each, holds[:, item]])

        holds[each, bound[:, step]] = new[:, step]
        memory, _ = rule.write(memory, keys[:, each, bound[:, step]], codes[each, new[:, step]])
        answer = rule.read(memory, keys[:, each, asked[:, step]])  # (way, run, D)
        said = (codes @ answer[..., None])[..., 0].argmax(-1)
        right.append(said == holds[each, asked[:, step]])
    answers = torch.stack(right, dim=-1)
    arrays = {"recall": answers[..., 2 * every :].float().mean(-1).numpy(), "right": answers.to(torch.uint8).numpy()}
    settings = dict(drift=drift, walk=walk, every=every, lr=lr, keep=keep, runs=runs, steps=steps)
    axes = {"recall": ("way", "run"), "right": ("way", "run", "step")}
    return Trace(arrays, axes, {"way": list(WAYS)}, provenance(seed=seed, **settings))


def _keys(draws: list[torch.Generator], drift: float, walk: bool, steps: int) -> Tensor:
    """Unit keys turned by a fixed antisymmetric generator, seen in its own basis: pairs of features, each at its speed.

    (run, step, item, D)
    """
    keys = []
    for g in draws:
        square = torch.randn(D, D, generator=g)
        speeds = torch.linalg.svdvals(square - square.mT)[::2]  # they come in pairs
        speeds = speeds / speeds.square().mean().sqrt()
        items = normalize(torch.randn(ITEMS, D, generator=g), dim=-1)
        far = drift * (torch.randn(steps, generator=g).cumsum(0) if walk else torch.arange(steps, dtype=torch.float32))
        turns = torch.polar(torch.ones(steps, D // 2), far[:, None] * speeds)  # (step, pair)
        turned = turns[:, None] * torch.view_as_complex(items.unflatten(-1, (D // 2, 2)))
        keys.append(torch.view_as_real(turned).flatten(-2))
    return torch.stack(keys)
