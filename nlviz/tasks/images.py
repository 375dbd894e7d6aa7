"""Real images that need no download: scikit-learn's 1,797 hand-written digits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..runtime import generator, need


@dataclass(frozen=True)
class Digits:
    """Hand-written digits, 8 x 8 pixels, shuffled and split.

    Args:
        x: `(n, 64)` pixels of the training images, 0 (paper) to 1 (ink).
        y: `(n,)` their labels, 0 to 9.
        x_test, y_test: the same for images kept apart.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor

    def __repr__(self) -> str:
        return f"Digits: {len(self.x)} images to learn from, {len(self.x_test)} kept apart, 8 x 8 pixels, labels 0-9"


def digits(seed: int = 0, test: int = 397, dtype: torch.dtype = torch.float32) -> Digits:
    """The digits, split at random by seed.

    Args:
        seed: of the shuffle.
        test: how many images are kept apart, 0 to 1,796.

    Raises:
        ModuleNotFoundError: without scikit-learn, naming the extra that brings it.

    Source: UCI "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, CC BY 4.0), its test part,
    as shipped with scikit-learn.

    >>> digits(seed=0)
    Digits: 1400 images to learn from, 397 kept apart, 8 x 8 pixels, labels 0-9
    """
    pixels, labels = _shipped()
    if not 0 <= test < len(pixels):
        raise ValueError(f"test is how many of the {len(pixels)} images are kept apart; got {test}")
    order = torch.randperm(len(pixels), generator=generator(seed))
    x = torch.from_numpy(np.asarray(pixels) / 16).to(dtype)[order]
    y = torch.from_numpy(np.asarray(labels)).long()[order]
    n = len(x) - test
    return Digits(x[:n], y[:n], x[n:], y[n:])


def _shipped() -> tuple[np.ndarray, np.ndarray]:
    """Pixels 0 to 16 `(image, 64)` and labels, from the file in scikit-learn: to import that takes most of a second."""
    package = find_spec("sklearn")
    file = Path(package.origin).parent / "datasets/data/digits.csv.gz" if package and package.origin else Path()
    if not file.is_file():
        return need("sklearn.datasets", extra="digits").load_digits(return_X_y=True)
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1]
