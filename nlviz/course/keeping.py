"""What somebody wrote into a notebook is kept when the notebook is built anew.

A built notebook carries the fingerprint of its own cells. Where the cells on disk do not match it any more, somebody
has worked in them. Outputs do not count: running the cells brings them back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


def fingerprint(cells: Iterable[Mapping[str, Any]]) -> str:
    """What the cells say, as 16 letters. Empty ones do not count: JupyterLab adds one after running the last.

    >>> said = [{"cell_type": "code", "source": "1 + 1"}]
    >>> run = [{"cell_type": "code", "source": ["1 + 1"], "outputs": [2]}, {"cell_type": "code", "source": []}]
    >>> fingerprint(said) == fingerprint(run)
    True
    """
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return hashlib.sha256(json.dumps([one for one in sources if one[1].strip()]).encode()).hexdigest()[:16]


def keep(path: Path, new: str) -> str:
    """Rename the notebook at `path` if somebody's work in it would be lost to the `new` one, or if it is damaged.

    Args:
        path: where the new one will stand; there may be none yet.
        new: the notebook to come, as text.

    Returns:
        What happened, to go on with after the notebook's name; "" if there is nothing to keep.
    """
    if not path.exists():
        return ""
    try:
        found = json.loads(path.read_text("utf8"))
        there = fingerprint(found["cells"])
        built = found["metadata"].get("nlviz", {}).get("built")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"is damaged: as it is, it is kept beside the new one as {_set_aside(path, 'damaged')}"
    if there in (built, fingerprint(json.loads(new)["cells"])):
        return ""
    return f"has been worked in: that work is kept beside the new one as {_set_aside(path, 'mine')}"


def _set_aside(path: Path, word: str) -> str:
    """Give a file a name that says what it is, and is free: 01_surprise.mine-2026-11-22.ipynb, then ...-2."""
    stem = f"{path.stem}.{word}-{datetime.now().date().isoformat()}"
    aside, number = path.with_name(f"{stem}.ipynb"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{stem}-{number}.ipynb")
    return path.rename(aside).name
