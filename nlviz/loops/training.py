"""Train any module on any stream of batches, so that a run that is killed goes on as if nothing had been.

loss ← loss(model, batch)                   a step is taken only if the loss and its gradient are finite
gradient ← gradient · min(1, clip / ‖gradient‖)
rate ← base rate · schedule(step)
one step of the optimizer, or of the clock around it
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..runtime import need
from ..trace import Trace
from .history import History, Score, own_draws, restore_draws
from .interrupts import Patience
from .schedules import Schedule

Batch = TypeVar("Batch")
_END = object()  # of a stream


def train(
    model: nn.Module,
    stream: Iterable[Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int | None = None,
    *,
    schedule: Schedule | None = None,
    clip: float | None = None,
    precision: torch.dtype | None = None,
    evaluate: Mapping[str, Score] | None = None,
    evaluate_every: int = 100,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int = 100,
    seed: int = 0,
    progress: bool = False,
) -> Trace:
    """Train a module: a batch, a step, until the steps are taken or the stream ends.

    Args:
        model: any module; trained in place, in the mode (`train` or `eval`) it is in.
        stream: batches in order: tensors, or tuples, lists or dicts of them; they are moved to the model's device. One
            with `len` and `[i]` is entered where a resumed run left off; any other is gone through up to there.
        loss: of the model and a batch, one number: `nl.loops.next_token`, `nl.loops.asked`, or your own.
        optimizer: any of PyTorch or `nl.optim`, or a `nl.nested.MultiClock` around one. What still waits in a clock at
            the end waits for the next call; `clock.flush()` writes it.
        steps: how many in all, those of a resumed run included; None: as many as the stream has.
        schedule: from the step, counted from 0, to a factor for all rates: `nl.loops.warmup_cosine(steps)` say.
        clip: the greatest norm that the gradient of all parameters together may have; None: any.
        precision: bfloat16, or on CUDA float16 (the loss is then scaled), for mixed precision; None: as the weights.
        evaluate: name -> a score of the model, asked in `eval` mode, without gradients, with random draws of its own.
        evaluate_every: steps between scores; the start and the end are scored too.
        checkpoint: a file to keep the run in. If it is there, the run goes on from it and ends with the weights of one
            that was never stopped, on a CPU bit for bit: it holds the model, the optimizer or clock, the position in
            the stream, PyTorch's generators and the record so far. The one before is kept as `<name>.previous`.
        save_every: steps between checkpoints; the start and the end are kept too.
        seed: of PyTorch's generators, for dropout say; the caller's are left as they are.
        progress: show a bar (needs tqdm).

    Returns:
        A Trace with "loss", "gradient" (its norm before clipping) and "rate" (of the first group) along `step`, and
        every score along `evaluation`, labelled with the steps before it. An interrupt (Ctrl-C, the notebook's stop
        button) ends the run after the step in hand: it is kept, a sentence says so, and the Trace is what there is. A
        second one ends it at once.

    Raises:
        FloatingPointError: if a loss or its gradient is not finite; the weights are those before that step.
        ValueError: for a checkpoint of another run or of more steps, a loss that is not one number, or a stream that
            does not fit.
        OSError: if a checkpoint cannot be written; the last good one stays.

    The host waits for the loss of every step.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> stream = [torch.tensor([[1.0]]), torch.tensor([[2.0]])] * 20
    >>> loss = lambda model, x: (model(x) - 3 * x).square().mean()
    >>> trace = train(model, stream, loss, torch.optim.SGD(model.parameters(), lr=0.1))
    >>> round(model.weight.item(), 3), trace["loss"].shape
    (3.0, (40,))
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    base = [float(rate) for rate in rates]
    last = _last(stream, steps, resumable=checkpoint is not None)
    device = next((w.device for w in model.parameters()), torch.device("cpu"))
    mixed, scaler = _precision(device, precision)
    settings = {"seed": str(seed), "clip": str(clip), "precision": str(precision)}
    history = History(model, optimizer, scaler, evaluate or {}, checkpoint, settings)

    with own_draws(seed), Patience() as patience:
        try:
            kept = history.resume(last)
            batches = _enter(stream, history.steps)
            if kept is None:
                history.score()
                history.save()  # whether it can be written is better known now than after an hour
            else:
                restore_draws(kept)
                print(f"goes on after step {history.steps:,}, kept in {history.path}")
            with _bar(progress, last, history.steps) as bar:
                while history.steps < last and not patience.lost:
                    batch = next(batches, _END)
                    if batch is _END:
                        break
                    rate = _set_rates(optimizer, rates, base, schedule(history.steps) if schedule else 1.0)
                    optimizer.zero_grad()
                    with mixed:
                        height = loss(model, _moved(batch, device))
                    history.note(*_step(height, optimizer, scaler, clip, history), rate)
                    if history.steps % evaluate_every == 0:
                        history.score()
                    if history.steps % save_every == 0:
                        history.save()
                    if bar is not None:
                        bar.set_postfix(loss=f"{history.noted['loss'][-1]:.4g}", refresh=False)
                        bar.update()
            stopped = patience.lost and history.steps < last
            if not stopped and history.scored_at[-1] != history.steps:
                history.score()
            if history.saved_at != history.steps:
                history.save()
        finally:
            _set_rates(optimizer, rates, base, 1.0)
            for group, own in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = own  # the very object: 1 is not 1.0 in the repr that a checkpoint knows its run by
    if not stopped:
        return history.trace()
    where = f"kept in {history.path}: the same line goes on from there" if history.path else "the model has its weights"
    sentence = f"stopped by an interrupt after step {history.steps:,}; {where}"
    print(sentence)
    return history.trace(stopped=sentence)


def _step(
    height: Tensor,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    clip: float | None,
    history: History,
) -> tuple[float, float]:
    """Backward, and one step if all is finite; gives the loss and the norm of its gradient."""
    if height.numel() != 1:
        raise ValueError(f"train: the loss must be one number; got shape {tuple(height.shape)}: average it")
    scaler.scale(height.reshape(())).backward()
    if scaler.is_enabled():
        scaler.unscale_(optimizer)
    weights = [w for group in optimizer.param_groups for w in group["params"] if w.grad is not None]
    norm = nn.utils.get_total_norm([_entries(w.grad) for w in weights])
    wide = torch.promote_types(torch.promote_types(height.dtype, norm.dtype), torch.float32)
    seen = torch.stack([height.detach().reshape(()).to(wide), norm.to(height.device, wide)]).tolist()  # asks once
    finite = [math.isfinite(seen[0]), math.isfinite(seen[1]) or scaler.is_enabled()]  # a scaler skips such steps itself
    if not all(finite):
        what = "gradient" if finite[0] else "loss"
        kept = f"; the last good checkpoint, of step {history.saved_at:,}, is {history.path}" if history.path else ""
        raise FloatingPointError(
            f"train: the {what} of step {history.steps + 1:,} is not finite. The model has the weights from before "
            f"it{kept}. Try a smaller learning rate, or clip=1.0"
        )
    if clip is not None:
        nn.utils.clip_grads_with_norm_(weights, clip, norm)
    scaler.step(optimizer)
    scaler.update()
    return seen[0], seen[1]


def _entries(grad: Tensor) -> Tensor:
    return grad.coalesce().values() if grad.is_sparse else grad


def _set_rates(
    optimizer: torch.optim.Optimizer, rates: list[float | Tensor], base: list[float], factor: float
) -> float:
    """Every group's base rate times the factor, a rate that is a tensor in place; gives the first."""
    for group, own, rate in zip(optimizer.param_groups, rates, base, strict=True):
        in_place = isinstance(own, Tensor) and own.is_floating_point()
        group["lr"] = own.fill_(factor * rate) if in_place else factor * rate  # type: ignore[union-attr]
    return float(factor * base[0])


def _last(stream: Iterable[Any], steps: int | None, resumable: bool) -> float:
    """The step to end at; infinite where only the stream knows."""
    if resumable and isinstance(stream, Iterator):
        raise ValueError(
            "train: a generator can be gone through once only, so a run on it cannot be resumed; give a list, an "
            "object with len and [i], or one whose `for` begins anew each time, or leave checkpoint= out"
        )
    if steps is not None and steps < 1:
        raise ValueError(f"train: steps is 1 or more, or None for the whole stream; got {steps}")
    if not isinstance(stream, Sized):
        return math.inf if steps is None else steps
    if steps is not None and steps > len(stream):
        raise ValueError(f"train: {steps:,} steps of a stream that has {len(stream):,}; give a longer one")
    return len(stream) if steps is None else steps


def _enter(stream: Iterable[Any], position: int) -> Iterator[Any]:
    """The batches from a position on."""
    if isinstance(stream, Sized) and hasattr(stream, "__getitem__"):
        return (stream[i] for i in range(position, len(stream)))
    batches = iter(stream)
    for there in range(position):  # at once: what the stream draws for these must not come later
        if next(batches, _END) is _END:
            raise ValueError(
                f"train: the run goes on after step {position:,}, and this stream ends after {there:,}; give the "
                "one it was on, or name another checkpoint to begin anew"
            )
    return batches


def _moved(batch: Any, device: torch.device) -> Any:
    """The same batch with its tensors on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: _moved(part, device) for name, part in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [_moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _precision(
    device: torch.device, precision: torch.dtype | None
) -> tuple[AbstractContextManager[Any], torch.amp.GradScaler]:
    """What a loss is computed under, and what scales it."""
    if precision not in (None, torch.bfloat16, torch.float16) or (precision == torch.float16 and device.type != "cuda"):
        raise ValueError(
            f"train: precision is torch.bfloat16, or torch.float16 on CUDA, or None; got {precision} on {device.type}"
        )
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    return nullcontext() if precision is None else torch.autocast(device.type, precision), scaler


def _bar(progress: bool, last: float, done: int) -> AbstractContextManager[Any]:
    if not progress:
        return nullcontext()
    total = None if last == math.inf else int(last)
    return need("tqdm.auto", extra="course").tqdm(total=total, initial=done, unit="step")
