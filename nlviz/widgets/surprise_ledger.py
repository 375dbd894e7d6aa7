"""Surprise ledger (chapter 1): every step of a linear layer writes one tile, as strong as its mistake.

    y = W x          u = ∂L/∂y = softmax(y) − onehot(label)          W ← W − lr u xᵀ

u is the surprise in the output, u xᵀ the tile: Nested Learning, eqs. 7-8 (δ there). The loss is softmax cross-entropy;
W begins at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..seeded import shuffles
from .base import Widget
from .still import bars

CLASSES = 10
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
STEPS = (10, 20, 30, 40, 60, 80, 100, 120, 160, 200, 240)
ORDERS = {"drawn": "in drawn order", "class": "sorted by class", "one": "one image again and again"}


def surprise(W: np.ndarray, x: np.ndarray, y: int) -> np.ndarray:
    """∂L/∂(W x) of softmax cross-entropy: what the layer said, less what was so."""
    logits = W @ x
    said = np.exp(logits - logits.max())
    said /= said.sum()
    said[y] -= 1
    return said


def _alike(given: Any) -> Callable[[Any], Any]:
    """Makes objects of the kind of `given`: a tensor of its dtype on its device, a copy of an array, a plain int."""
    return getattr(given, "new_tensor", None) or (lambda value: value if isinstance(value, int) else np.array(value))


def digit(label: int) -> str:
    """A digit in words: "a 3", "an 8"."""
    return f"{'an' if label == 8 else 'a'} {label}"


class SurpriseLedger(Widget):
    """See `ledger`."""

    js = (
        "ledger_model.js",
        "ledger_art.js",
        "ledger_bet.js",
        "ledger_knobs.js",
        "ledger_tiles.js",
        "ledger_book.js",
        "surprise_ledger.js",
    )
    styles = ("surprise_ledger.css",)
    call = ("ledger", "images", "labels")

    def __init__(self, images: Any, labels: Any, fn: Callable[..., Any] | None = None, **state: Any) -> None:
        self._alike = _alike(images), _alike(labels)
        self._images = np.array(images, dtype=np.float64)
        self._labels = np.array(labels).astype(int)
        count = len(self._images)
        if self._images.shape != (count, 64) or self._labels.shape != (count,) or not 4 <= count <= 200:
            raise ValueError(
                f"ledger takes 4 to 200 images (n, 64) and their labels (n,); got {self._images.shape} and "
                f"{self._labels.shape}; for digits: nl.widgets.ledger(digits.x[:40], digits.y[:40])"
            )
        if not np.isfinite(self._images).all() or self._images.min() < 0 or self._images.max() > 1:
            raise ValueError("ledger takes pixels from 0 (paper) to 1 (ink); divide the images by their largest value")
        if self._labels.min() < 0 or self._labels.max() >= CLASSES:
            raise ValueError(f"ledger takes labels 0 to 9; got {self._labels.min()} to {self._labels.max()}")
        super().__init__(fn=fn, **state)

    def begin(self) -> dict[str, Any]:
        """Two passes over the images in drawn order."""
        return {
            "example": 0,
            "called": {},
            "when": "last",
            "order": "drawn",
            "seed": 0,
            "lr": 0.3,
            "steps": 80,
            "step": 80,
            "sorted": False,
            "guess": "",
        }

    def _whole(self, some: Mapping[str, Any]) -> dict[str, Any]:
        return super()._whole({"step": some.get("steps", self.begin()["steps"]), **some})  # begins at the end

    def check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError for settings out of range."""
        choices = {
            "lr": RATES,
            "steps": STEPS,
            "order": tuple(ORDERS),
            "when": ("last", "every"),
            "sorted": (False, True),
        }
        for key, values in choices.items():
            self.one_of(key, state[key], values)
        state["step"] = min(state["step"], state["steps"])
        state["called"] = {str(image): label for image, label in state["called"].items()}
        last = len(self._images) - 1
        ranges = {"example": last, "seed": 10**6, "step": state["steps"]}
        numbers = [(key, state[key], top) for key, top in ranges.items()]
        numbers += [("an image in called", int(image), last) for image in state["called"]]
        numbers += [("a label in called", label, CLASSES - 1) for label in state["called"].values()]
        for name, value, top in numbers:
            self.whole(name, value, top)

    def words(self) -> dict[str, Any]:
        """The choices of the controls."""
        return {"rates": RATES, "steps": STEPS, "orders": ORDERS, "fn": getattr(self.fn, "__name__", "")}

    def given(self) -> dict[str, np.ndarray]:
        """Images and labels."""
        return {"images": self._images, "labels": self._labels}

    def stream(self) -> tuple[list[int], list[int]]:
        """Which image each step shows, and what it is called there."""
        state, count = self.state, len(self._images)
        steps = state["steps"]
        if state["order"] == "one":
            shown = [state["example"]] * steps
        elif state["order"] == "class":
            by_class = np.argsort(self._labels, kind="stable").tolist()
            shown = [by_class[t % count] for t in range(steps)]
        else:
            shown = list(islice(shuffles(count, state["seed"]), steps))
        final = {image: t for t, image in enumerate(shown)}
        called = [
            state["called"].get(str(image), int(self._labels[image]))
            if state["when"] == "every" or final[image] == t
            else int(self._labels[image])
            for t, image in enumerate(shown)
        ]
        return shown, called

    def replay(self, rule: Callable[..., np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The surprise (step, class) of every step, and how many images the layer has right after it (step,)."""
        W = np.zeros((CLASSES, 64))
        shown, called = self.stream()
        surprises, right = [], []
        for image, label in zip(shown, called, strict=True):
            x = self._images[image]
            u = rule(W, x, label)
            W = W - self.state["lr"] * np.outer(u, x)
            surprises.append(u)
            right.append(int(((self._images @ W.T).argmax(1) == self._labels).sum()))
        return np.array(surprises), np.array(right)

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """What the learner's function makes of the stream."""
        surprises, right = self.replay(lambda W, x, y: self._ask(fn, W, x, y))
        return {"yours": np.linalg.norm(surprises, axis=1), "yours_right": right}

    def _ask(self, fn: Callable[..., Any], W: np.ndarray, x: np.ndarray, y: int) -> np.ndarray:
        """The learner's surprise, from objects of the same kind as images and labels."""
        pixels, label = self._alike
        answer = fn(pixels(W), pixels(x), label(y))
        if answer is None:
            raise ValueError("surprise gives back what it computed; yours gave back nothing: end it with `return u`")
        u = np.asarray(answer, dtype=np.float64)
        if u.shape != (CLASSES,):
            raise ValueError(f"surprise gives {CLASSES} numbers, one a class; yours gave shape {u.shape}")
        if not np.isfinite(u).all():
            raise ValueError("surprise gives finite numbers; yours gave NaN or infinity")
        return u

    def summary(self) -> str:
        """How surprise went, and how many images are right at the end."""
        surprises, right = self.replay(surprise)
        shown, called = self.stream()
        size = np.linalg.norm(surprises, axis=1)
        top, late = int(size.argmax()), min(10, len(size))
        is_digit = [int(self._labels[image]) for image in shown]
        wrong = [t for t in np.argsort(-size, kind="stable").tolist() if called[t] != is_digit[t]]
        alas = ""
        if wrong:
            t = wrong[0]
            alas = f", and {size[t]:.2f} at step {t + 1}, where {digit(is_digit[t])} is called {called[t]}"
        return (
            f"{len(size)} steps of size {self.state['lr']:g}, {ORDERS[self.state['order']]}: the surprise is "
            f"{size[0]:.2f} at the first step, {size[-late:].mean():.2f} on average over the last {late}, largest at "
            f"step {top + 1} ({size[top]:.2f}, {digit(is_digit[top])}){alas}; the network ends right on {right[-1]} of "
            f"{len(self._labels)} images."
        )

    def picture(self) -> str:
        """The surprises as bars."""
        surprises, _ = self.replay(surprise)
        return bars(np.linalg.norm(surprises, axis=1), top=2**0.5, alt=self.summary())


def ledger(images: Any, labels: Any, fn: Callable[..., Any] | None = None, **state: Any) -> SurpriseLedger:
    """The Surprise ledger: what each step of a linear layer writes, and how surprised it was.

    Args:
        images: `(n, 64)` pixels of 4 to 200 digits, 0 to 1; an array or a tensor.
        labels: `(n,)` what they are, 0 to 9.
        fn: your `surprise(W, x, y)`, with W `(10, 64)`, x `(64,)` and y the label, giving `(10,)`: it is run over
            the stream and drawn dashed over ours. W and x are what `images` is, arrays or tensors of its dtype; y is
            a tensor `()` where `labels` is one, else an int.
        state: `lr`, `steps`, `order` ("drawn", "class", "one"), `example` (the image picked), `called` (image: the
            label somebody gives it), `when` ("last" time it is shown, or "every" time), `seed`, `step` (the
            playhead), `sorted`, `guess`; `strict=True` raises what goes wrong in `fn`.

    Raises:
        ValueError: for images, labels or settings out of range.

    Source: Nested Learning, section 3.1, eqs. 7-8.

    >>> images, labels = np.eye(10, 64), np.arange(10)
    >>> widget = ledger(images, labels, steps=20, lr=1.0)
    >>> widget.code()
    nl.widgets.ledger(images, labels, lr=1.0, steps=20, step=20)
    """
    return SurpriseLedger(images, labels, fn=fn, **state)
