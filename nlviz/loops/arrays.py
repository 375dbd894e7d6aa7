"""From tensors to what a Trace holds."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def as_array(tensor: Tensor) -> np.ndarray:
    """The same numbers for NumPy, which has no bfloat16: those are widened to float32, without loss.

    >>> as_array(torch.tensor([0.5, 3.0], dtype=torch.bfloat16))
    array([0.5, 3. ], dtype=float32)
    """
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
