"""The only file that looks at the machine: randomness, devices, folders, provenance."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import torch


def generator(seed: int) -> torch.Generator:
    """A CPU generator. Draw on the CPU, then move: every machine sees the same numbers.

    >>> torch.equal(torch.randn(3, generator=generator(0)), torch.randn(3, generator=generator(0)))
    True
    """
    return torch.Generator(device="cpu").manual_seed(int(seed))


def best_device() -> torch.device:
    """CUDA where there is one, then Apple's, else the CPU. Only lessons and commands ask; no function of ours does."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def project() -> Path:
    """The folder of the course: the one that holds notebooks/ and data/.

    Raises:
        FileNotFoundError: where the package was installed without the course.
    """
    here = Path(os.environ.get("NLVIZ_PROJECT", Path(__file__).resolve().parent.parent))
    if not (here / "notebooks" / "src").is_dir():
        raise FileNotFoundError(
            f"no notebooks/ beside the package in {here}: the lessons come with the repository, not with the wheel; "
            "clone it and run `python3 start.py lab`, or name its folder in NLVIZ_PROJECT"
        )
    return here


def need(module: str, extra: str) -> ModuleType:
    """Import a module that an extra brings, or say which.

    >>> need("json", extra="course").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name and module.split(".")[0] != missing.name.split(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"this needs {module.split('.')[0]}, which is not installed here; type: pip install 'nlviz[{extra}]'",
            name=missing.name,
        ) from None


def provenance(**more: Any) -> dict[str, Any]:
    """Versions, machine and date for a Trace; add the seed and the command that made it.

    >>> provenance(seed=0)["seed"]
    0
    """
    packages = {name: metadata.version(name) for name in ("torch", "numpy")}
    return {
        "versions": {"python": platform.python_version(), **packages},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now(UTC).date().isoformat(),
        **more,
    }
