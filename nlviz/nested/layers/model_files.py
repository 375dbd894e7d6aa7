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
    """Write `path`, all of it or nothing, and the description once more beside it, `.json` added, for people.

    A kill or a full disk leaves the file that was there before.

    Raises:
        ValueError: for a name that ends in `.json`, weights that are one tensor under two names, or a memory rule that
            `load` would not find or could not make.
        TypeError: for a description of other things than numbers, words and memory rules.
    """
    to_bytes = need("safetensors.torch", extra="course").save
    path = Path(path)
    if path.suffix == ".json":
        raise ValueError(f"{path}: .json is for the readable description beside a model; take {path.stem}.safetensors")
    _check_untied(weights)
    about = provenance(**config)
    head = json.dumps(about, default=_told, sort_keys=True)
    _heard(path, json.loads(head))  # what could not be made again is not kept
    whole = {name: weight.detach().contiguous() for name, weight in weights.items()}
    _replace(path, to_bytes(whole, metadata={_HEAD: head}))
    _replace(path.with_name(f"{path.name}.json"), json.dumps(about, default=_told, sort_keys=True, indent=2).encode())
    return path


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights, on the CPU, and their description.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: for a file that is damaged, none of ours, or with a memory rule that is not imported here.
    """
    safe_open = need("safetensors", extra="course").safe_open
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no model file {path}; model.save(path) makes one")
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})[_HEAD])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except Exception as damage:
        raise ValueError(
            f"{path} is not a readable model file ({damage!r}); it was cut short, or LanguageModel.save did not make it"
        ) from damage
    return weights, {name: _heard(path, part) for name, part in told.items()}


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


def _rules() -> dict[str, Any]:
    """The memory rules there are, so far imported, by name; ours come before others of the same name."""
    ours: list[Any] = [kind for name in memory.__all__ if isinstance(kind := getattr(memory, name), type)]
    kinds: list[Any] = [*(kind for base in ours for kind in subclasses(base)), *ours]
    return {name: kind for name, kind in ((kind.__name__, kind) for kind in kinds) if dataclasses.is_dataclass(kind)}


def _check_untied(weights: Mapping[str, Tensor]) -> None:
    seen: dict[int, str] = {}
    for name, weight in weights.items():
        same = seen.setdefault(weight.untyped_storage().data_ptr(), name) if weight.numel() else name
        if same != name:
            raise ValueError(
                f"{same} and {name} are one tensor, and a model that is loaded would have two; save it with a copy: "
                f"model.{name} = nn.Parameter(model.{name}.detach().clone())"
            )


def _told(thing: Any) -> Any:
    """A memory rule as {"rule": its name, its fields}."""
    kind = type(thing)
    if dataclasses.is_dataclass(kind):
        if _rules().get(kind.__name__) is not kind:
            raise ValueError(
                f"a model file names a memory rule by its class, and {kind.__name__} would not be found again; derive "
                f"it from nl.memory.Rule, class {kind.__name__}(Rule), under a name of its own"
            )
        return {"rule": kind.__name__, **{part.name: getattr(thing, part.name) for part in dataclasses.fields(thing)}}
    raise TypeError(f"a model file describes numbers, words and memory rules; it cannot describe {thing!r}")


def _heard(path: str | os.PathLike[str], told: Any) -> Any:
    """Memory rules made again from what was told of them."""
    if isinstance(told, list):
        return [_heard(path, part) for part in told]
    if not isinstance(told, dict):
        return told
    heard = {name: _heard(path, part) for name, part in told.items()}
    if not isinstance(told.get("rule"), str):
        return heard
    rules, name = _rules(), heard.pop("rule")
    if name not in rules:
        raise ValueError(
            f"{path} has a memory rule called {name}, here are {', '.join(sorted(rules))}; import the module that "
            "defines it first"
        )
    return rules[name](**heard)


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
