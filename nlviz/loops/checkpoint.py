"""Checkpoints: all of it or nothing, and the one before is kept.

    path.part       written and brought to the disk first
    path            becomes path.previous, if it is whole
    path.part       becomes path

A process may be killed between any two lines, and one whole file is left. The first line of a file says what its bytes
must add up to (SHA-256), so that half a file is known for what it is. Nothing but tensors, numbers, words and
containers of them goes in or comes out: loading a checkpoint runs no code that somebody put there.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_MARK = b"nlviz checkpoint "


def write_checkpoint(path: str | os.PathLike[str], content: Mapping[str, Any]) -> Path:
    """Write a checkpoint; the one that was there becomes `<name>.previous`, unless it is damaged.

    Args:
        path: of the file; its folder is made where it is missing.
        content: tensors, numbers, words, None, and dicts, lists and tuples of them.

    Raises:
        TypeError: for anything else in it, naming where it is.
        OSError: if it cannot be written: a full disk, say. What was there before stays as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_checkpoint(Path(folder) / "run.pt", {"step": 3, "weights": torch.ones(2)})
    ...     read_checkpoint(path)
    {'step': 3, 'weights': tensor([1., 1.])}
    """
    path = Path(path)
    buffer = io.BytesIO()
    torch.save(_plain(content, "the checkpoint"), buffer)
    payload = buffer.getvalue()
    fresh = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(fresh, "wb") as file:
            file.write(_MARK + hashlib.sha256(payload).hexdigest().encode() + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        if _payload(path) is not None:
            os.replace(path, previous(path))
        os.replace(fresh, path)
        _settle(path.parent)
    except OSError as failed:
        fresh.unlink(missing_ok=True)
        left = [str(kept) for kept in (path, previous(path)) if _payload(kept) is not None]
        last = f"the last good one is in {left[0]}" if left else "there is no earlier one"
        raise OSError(
            failed.errno,
            f"a checkpoint of {len(payload):,} bytes could not be written to {path} ({failed.strerror or failed}); "
            f"{last}. Make room, or name another file, and run the same line again",
        ) from failed
    return path


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What the newest whole checkpoint holds, with tensors on the CPU; None where there is none yet.

    If the file is damaged, half written say, the one before it is read, and a printed sentence says so.

    Raises:
        ValueError: if there are files, and all of them are damaged.
    """
    path = Path(path)
    damaged: list[Path] = []
    for file in (path, previous(path)):
        if not file.exists():
            continue
        payload = _payload(file)
        if payload is not None:
            if damaged:
                print(f"{damaged[0]} is damaged, perhaps cut short; {file}, the checkpoint before it, is taken")
            return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        damaged.append(file)
    if damaged:
        names = " and ".join(map(str, damaged))
        raise ValueError(f"no checkpoint can be read: {names} is damaged, perhaps cut short; delete it to begin anew")
    return None


def previous(path: Path) -> Path:
    """Where the checkpoint before the newest is kept."""
    return path.with_name(path.name + ".previous")


def _payload(file: Path) -> bytes | None:
    """What follows the first line, or None if there is no file, or a byte of it is missing or wrong."""
    if not file.is_file():
        return None
    head, _, payload = file.read_bytes().partition(b"\n")
    return payload if head == _MARK + hashlib.sha256(payload).hexdigest().encode() else None


def _plain(value: Any, where: str) -> Any:
    """The same, of plain types alone; a NumPy number becomes a number."""
    if value is None or isinstance(value, (Tensor, str)):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_plain(key, where): _plain(item, f"{where}, {key!r}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item, f"{where}, item {i}") for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    raise TypeError(
        f"{where}: a checkpoint holds tensors, numbers and words, so that loading one runs nobody's code; got "
        f"{type(value).__name__}. Keep it as one of those in state_dict"
    )


def _settle(folder: Path) -> None:
    """Bring the new names to the disk too, where a folder can be brought there."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
