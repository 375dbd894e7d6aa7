"""Weights and what they belong to in one file: safetensors, with a readable description in its head and beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ... import memory
from ...runtime import need, provenance

_HEAD = "nlviz"


def save(path: str | os.PathLike[str], weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> Path:
    """Write `path`, all of it or nothing, and the description once more beside it as `.json`, for people.

    A kill or a full disk leaves the file that was there before.
    """
    to_bytes = need("safetensors.torch", extra="course").save
    path = Path(path)
    about = provenance(**config)
    head = json.dumps(about, default=_told, sort_keys=True)
    whole = {name: weight.detach().contiguous() for name, weight in weights.items()}
    _replace(path, to_bytes(whole, metadata={_HEAD: head}))
    _replace(path.with_suffix(".json"), json.dumps(about, default=_told, sort_keys=True, indent=2).encode())
    return path


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights, on the CPU, and their description.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: for a file that is damaged, or none of ours.
    """
    safe_open = need("safetensors", extra="course").safe_open
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no model file {path}; model.save(path) makes one")
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})[_HEAD], object_hook=_heard)
            return {name: file.get_tensor(name) for name in file.keys()}, config  # noqa: SIM118 (no mapping)
    except Exception as damage:
        raise ValueError(
            f"{path} is not a readable model file ({damage!r}); it was cut short, or LanguageModel.save did not make it"
        ) from damage


def subclasses(base: type) -> Iterator[type]:
    """Every class derived from this one, so far imported.

    >>> class A: ...
    >>> class B(A): ...
    >>> class C(B): ...
    >>> [kind.__name__ for kind in subclasses(A)]
    ['B', 'C']
    """
    kinds: list[type] = base.__subclasses__()
    for kind in kinds:
        yield kind
        yield from subclasses(kind)


def _told(thing: Any) -> Any:
    """A memory rule as {"rule": its name, its fields}; a class by its name."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {"rule": type(thing).__name__, **dataclasses.asdict(thing)}
    if isinstance(thing, type):
        return thing.__name__
    raise TypeError(f"a model file describes numbers, words and memory rules; it cannot describe {thing!r}")


def _heard(told: dict[str, Any]) -> Any:
    if "rule" not in told or isinstance(told["rule"], dict) or told["rule"] not in memory.__all__:
        return told
    return getattr(memory, told["rule"])(**{name: value for name, value in told.items() if name != "rule"})


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(scratch, 0o666 & ~mask)  # a scratch file is made for its owner alone
        os.replace(scratch, path)
    finally:
        Path(scratch).unlink(missing_ok=True)
