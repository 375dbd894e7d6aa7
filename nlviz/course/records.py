"""Progress on disk: one small JSON file in a folder of the user's.

A write takes a lock, reads what is there, adds to it and replaces the file in one step, so that neither a crash nor a
second kernel loses anything. A damaged file is set aside, never thrown away. Whatever goes wrong, the check has its
answer: from here comes only a remark.

Where: $NLVIZ_HOME if it is set, else the system's folder for the user's data.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..runtime import need

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Records = dict[str, dict[str, Any]]
_WAIT = 3.0  # seconds for another kernel to finish its write, which takes milliseconds


def folder() -> Path:
    """The folder that progress is kept in."""
    chosen = os.environ.get("NLVIZ_HOME")
    return Path(chosen) if chosen else Path(need("platformdirs", extra="course").user_data_path("nlviz", False))


def read() -> tuple[Records, str]:
    """What is kept: exercise id -> {"tries": int, "passed": date or None}; and a remark, "" when all is well."""
    try:
        if not (folder() / "progress.json").exists():
            return {}, ""
        with _alone():
            return _load()
    except (OSError, ImportError) as error:
        return {}, _cannot(error)


def note(exercise_id: str, passed: bool) -> str:
    """Count a try; what was passed once stays passed, and its tries are counted no further. Returns a remark or ""."""
    try:
        with _alone():
            records, remark = _load()
            entry = records.setdefault(exercise_id, {"tries": 0, "passed": None})
            if entry["passed"] is None:
                entry["tries"] += 1
                entry["passed"] = datetime.now(UTC).isoformat(timespec="seconds") if passed else None
                _store(records)
            return remark
    except (OSError, ImportError) as error:
        return _cannot(error)


def _load() -> tuple[Records, str]:
    """The records that can be read. If some cannot, the file as it was is kept beside them."""
    path = folder() / "progress.json"
    try:
        found = json.loads(path.read_text("utf8"))["exercises"]
        records = {name: entry for name, entry in found.items() if _whole(entry)}
        if len(records) == len(found):
            return records, ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        records = {}
    aside = _set_aside(path)
    if records:
        _store(records)
    return records, f"(Your progress file was damaged; it is kept as {aside.name} in {aside.parent}.)"


def _whole(entry: Any) -> bool:
    """Whether an entry is as `note` writes it."""
    return (
        isinstance(entry, dict)
        and type(entry.get("tries")) is int
        and "passed" in entry
        and isinstance(entry["passed"], str | None)
    )


def _set_aside(path: Path) -> Path:
    """Rename a file to the first free name."""
    number = 1
    while (aside := path.with_name(f"progress-damaged-{number}.json")).exists():
        number += 1
    return path.rename(aside)


def _store(records: Records) -> None:
    """All of it or nothing."""
    handle, scratch = tempfile.mkstemp(dir=folder(), prefix="progress", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf8") as file:
            json.dump({"exercises": records}, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, folder() / "progress.json")
    finally:
        Path(scratch).unlink(missing_ok=True)


@contextmanager
def _alone() -> Iterator[None]:
    """One kernel at a time. The system gives the lock back when a kernel dies."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / "progress.lock", "a+b") as file:
        until = time.monotonic() + _WAIT
        while not _locked(file.fileno()):
            if time.monotonic() > until:
                raise TimeoutError("another kernel has not let go of it")
            time.sleep(0.005)
        yield


def _locked(handle: int) -> bool:
    """Try for the lock, without waiting. Closing the file gives it back."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _cannot(error: Exception) -> str:
    """Why progress is not kept, and what to do."""
    where = os.environ.get("NLVIZ_HOME") or "your data folder"
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"(Progress is not kept: {where} cannot be used, {why}. Set NLVIZ_HOME to a folder of yours.)"
