"""What every test shares: where and in which precision it runs, how close is close, and seeded draws.

pytest                              float64 on the CPU
pytest --dtype float32              the numerical tests once more, in single precision
pytest --device cuda --dtype float32
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

pytest.register_assert_rewrite("browser")

DTYPES = {"float64": torch.float64, "float32": torch.float32}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cpu", help="cpu, cuda or mps: where the numerical tests run")
    parser.addoption("--dtype", default="float64", choices=list(DTYPES), help="the precision they run in")


def pytest_configure(config: pytest.Config) -> None:
    device, dtype = config.getoption("--device"), config.getoption("--dtype")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device not in there:
        raise pytest.UsageError(f"--device {device}: the tests run on {', '.join(there)}")
    if not there[device]:
        raise pytest.UsageError(
            f"--device {device}: PyTorch sees no such device here; leave the option out to test on the CPU"
        )
    if device == "mps" and dtype == "float64":
        raise pytest.UsageError("--device mps knows no float64; add --dtype float32")
    torch.set_num_threads(1)  # two workers share two cores,
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # and so do the kernels they start


def pytest_collection_finish() -> None:
    gc.freeze()  # what was imported stays; to go through the rest takes milliseconds instead of a third of a second


@pytest.fixture(scope="session")
def like(pytestconfig: pytest.Config) -> dict[str, Any]:
    """dtype and device of this run, to pass on: `torch.zeros(3, **like)`."""
    return {
        "dtype": DTYPES[pytestconfig.getoption("--dtype")],
        "device": torch.device(pytestconfig.getoption("--device")),
    }


@pytest.fixture(scope="session")
def tolerance(like: dict[str, Any]) -> Callable[[float], float]:
    """What a float64 tolerance means in the precision of this run: scaled by the ratio of machine epsilons."""
    scale = torch.finfo(like["dtype"]).eps / torch.finfo(torch.float64).eps
    return lambda tol: tol * scale


@pytest.fixture(scope="session")
def close(tolerance: Callable[[float], float]) -> Callable[..., None]:
    """close(actual, expected, tol=1e-12): equal up to a float64 tolerance, absolute and relative."""

    def check(actual: Any, expected: Any, tol: float = 1e-12) -> None:
        torch.testing.assert_close(actual, expected, rtol=tolerance(tol), atol=tolerance(tol))

    return check


@pytest.fixture(scope="session")
def draw(like: dict[str, Any]) -> Callable[..., torch.Tensor]:
    """draw(3, 4, seed=0): standard normal numbers, the same on every machine."""

    def normal(*shape: int, seed: int = 0) -> torch.Tensor:
        numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return numbers.to(**like)

    return normal
