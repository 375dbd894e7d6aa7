"""Learners from outside: models that learn a batch at a time and know nothing of runs are looped over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .levels import NO_ANSWER, Info


class PartialFit:
    """Models of scikit-learn, or like them, one a run.

    Args:
        models: each with `partial_fit(x, y, classes=...)` and `predict(x)`.
        classes: how many labels there are.

    Before its first batch a model gives no answer, -1. So a classifier from elsewhere runs through the laboratory:

    >>> import nlviz as nl
    >>> from sklearn.linear_model import SGDClassifier
    >>> stream = nl.tasks.home_and_away(nl.tasks.digits(), runs=2, steps=40)
    >>> learner = nl.learners.PartialFit([SGDClassifier(loss="log_loss", random_state=s) for s in (0, 1)], classes=10)
    >>> trace = nl.lab.follow(learner, stream)
    >>> bool(nl.measure.prequential(trace).mean() > 5 * stream.chance)
    True
    """

    def __init__(self, models: Sequence[Any], classes: int) -> None:
        self.models = list(models)
        self.classes = np.arange(classes)
        self.begun = False

    def predict(self, x: Tensor) -> Tensor:
        """x `(runs, batch, d)` to labels `(runs, batch)`."""
        if not self.begun:
            return torch.full(x.shape[:2], NO_ANSWER, device=x.device)
        answers = [model.predict(one.cpu().numpy()) for model, one in zip(self.models, x, strict=True)]
        return torch.from_numpy(np.stack(answers)).to(x.device)

    def learn(self, x: Tensor, y: Tensor) -> Info:
        """Give each model its batch."""
        for model, one, labels in zip(self.models, x, y, strict=True):
            model.partial_fit(one.cpu().numpy(), labels.cpu().numpy(), classes=self.classes)
        self.begun = True
        return {}
