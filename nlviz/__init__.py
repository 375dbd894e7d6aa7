"""Nested Learning, hands on: memories, optimizers and levels one can read, and pictures of them.

>>> import nlviz as nl
>>> task = nl.tasks.recall(pairs=8, d_key=16, d_value=16, seed=0)
>>> trace = nl.run(nl.Delta(), task)
>>> trace["surprise"].shape
(8,)

Names are imported when they are first used, so `import nlviz` needs torch and numpy only
and stays quick; what needs more says which extra brings it.
"""

from importlib import import_module as _import
from typing import Any as _Any

__version__ = "0.1.0"

# fmt: off
_PACKAGES = (
    "course", "figures", "lab", "learners", "loops", "measure", "memory", "nested", "optim", "runtime", "tasks",
    "trace", "widgets",
)
# fmt: on
_NOUNS = {
    "trace": ("Trace",),
    "memory": ("Attention", "DGD", "Deep", "Delta", "Hebb", "Omega", "Titans"),
    "loops": ("descend", "run", "train"),
    "course": ("check", "hint", "solution", "progress", "carry_on", "questions"),
    "checkup": ("doctor",),
}
_EXTRAS = ("figures", "widgets", "course")  # need more than torch and numpy: an extra of the same name brings it
_HOME = {noun: package for package, nouns in _NOUNS.items() for noun in nouns}

__all__ = ["__version__", *_PACKAGES, *_HOME]


def __getattr__(name: str) -> _Any:
    if name not in __all__:
        raise AttributeError(f"nlviz has no {name!r}; it has {', '.join(sorted(__all__))}")
    package = _HOME.get(name, name)
    try:
        module = _import(f"nlviz.{package}")
    except ModuleNotFoundError as missing:
        if package not in _EXTRAS or not missing.name or missing.name.startswith("nlviz"):
            raise
        cure = f"which is not installed here; type: pip install 'nlviz[{package}]'"
        raise ModuleNotFoundError(f"nl.{name} needs {missing.name}, {cure}", name=missing.name) from None
    return getattr(module, name) if name in _HOME else module


def __dir__() -> list[str]:
    return sorted(__all__)
