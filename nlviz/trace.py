"""Trace: what happened, as named numpy arrays with named axes.

A Trace is the doorstep of the package. Whatever computes (torch) leaves one behind; whatever
measures, draws or plays (numpy) starts from one. It knows neither side.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_HEADER = "__trace__"


@dataclass(frozen=True)
class Trace:
    """Named arrays, the named axes of each, labels along axes, and where it all came from.

    Args:
        arrays: name -> array. They are made read-only.
        axes: name -> the array's axis names, one a dimension: `{"error": ("step", "query")}`.
        labels: axis name -> its labels, JSON values (words or numbers). An axis without labels counts from 0.
        about: provenance: seed, command, versions, machine, date; anything JSON can hold.

    Raises:
        ValueError: if an array has no axes, or sizes and labels disagree along an axis.

    >>> trace = Trace({"error": np.ones((2, 3))}, {"error": ("method", "step")}, {"method": ["Hebb", "Delta"]})
    >>> trace.sizes
    {'method': 2, 'step': 3}
    >>> trace.select(method="Delta")["error"]
    array([1., 1., 1.])
    """

    arrays: Mapping[str, np.ndarray]
    axes: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = {name: np.array(array) for name, array in self.arrays.items()}
        axes = {name: tuple(names) for name, names in self.axes.items()}
        labels = {axis: list(values) for axis, values in self.labels.items()}
        if set(arrays) != set(axes):
            raise ValueError(f"Trace: arrays are {sorted(arrays)} but axes are given for {sorted(axes)}")
        sizes = {axis: len(values) for axis, values in labels.items()}
        for name, array in arrays.items():
            if array.dtype == object:
                raise ValueError(f"Trace: {name!r} holds Python objects; give numbers or strings")
            if array.ndim != len(axes[name]):
                raise ValueError(
                    f"Trace: {name!r} has shape {array.shape} but axes {axes[name]}; name one axis a dimension"
                )
            for axis, size in zip(axes[name], array.shape, strict=True):
                if sizes.setdefault(axis, size) != size:
                    raise ValueError(f"Trace: axis {axis!r} is {sizes[axis]} long elsewhere, but {size} in {name!r}")
            array.setflags(write=False)
        for name, value in dict(arrays=arrays, axes=axes, labels=labels, about=dict(self.about)).items():
            object.__setattr__(self, name, value)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise KeyError(f"this Trace has no {name!r}; it has {', '.join(self.arrays)}")
        return self.arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{name} ({', '.join(f'{a} {n}' for a, n in zip(self.axes[name], array.shape, strict=True))})"
            for name, array in self.arrays.items()
        )
        return f"Trace: {shapes}"

    @property
    def sizes(self) -> dict[str, int]:
        """Length of every axis."""
        return {a: n for name, array in self.arrays.items() for a, n in zip(self.axes[name], array.shape, strict=True)}

    def along(self, axis: str) -> list[Any]:
        """Labels along an axis; 0, 1, 2, ... where none were given."""
        if axis not in self.sizes:
            raise KeyError(f"this Trace has no axis {axis!r}; it has {', '.join(self.sizes)}")
        return list(self.labels.get(axis, range(self.sizes[axis])))

    def select(self, **where: Any) -> Trace:
        """The Trace at one label of each named axis; those axes are gone from it."""
        index = {}
        for axis, label in where.items():
            if label not in self.along(axis):
                raise KeyError(f"axis {axis!r} has no label {label!r}; it has {self.along(axis)}")
            index[axis] = self.along(axis).index(label)
        arrays = {
            name: array[tuple(index.get(axis, slice(None)) for axis in self.axes[name])]
            for name, array in self.arrays.items()
        }
        axes = {name: tuple(a for a in names if a not in index) for name, names in self.axes.items()}
        labels = {axis: values for axis, values in self.labels.items() if axis not in index}
        return Trace(arrays, axes, labels, {**self.about, "select": {**self.about.get("select", {}), **where}})

    @staticmethod
    def join(traces: Mapping[Any, Trace], axis: str) -> Trace:
        """Several runs as one: a new first axis, labelled by the keys of `traces`.

        >>> one = Trace({"error": np.zeros(3)}, {"error": ("step",)})
        >>> Trace.join({"Hebb": one, "Delta": one}, axis="method").sizes
        {'method': 2, 'step': 3}
        """
        if not traces:
            raise ValueError("Trace.join: give at least one Trace")
        first, *rest = traces.values()
        for other in rest:
            if other.axes != first.axes or other.sizes != first.sizes or other.labels != first.labels:
                raise ValueError(f"Trace.join: {other} does not have the axes of {first}")
        if axis in first.sizes:
            raise ValueError(f"Trace.join: these Traces already have an axis {axis!r}; choose another name")
        arrays = {name: np.stack([t[name] for t in traces.values()]) for name in first}
        axes = {name: (axis, *names) for name, names in first.axes.items()}
        return Trace(arrays, axes, {axis: list(traces), **first.labels}, first.about)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one `.npz` (compressed arrays and a JSON header, no pickle); all of it or nothing."""
        path = Path(path)
        header = json.dumps(dict(axes=self.axes, labels=self.labels, about=self.about), sort_keys=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                content: dict[str, Any] = {**self.arrays, _HEADER: np.frombuffer(header.encode(), np.uint8)}
                np.savez_compressed(file, **content)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(scratch, 0o666 & ~mask)  # a scratch file is made for its owner alone
            os.replace(scratch, path)
        finally:
            Path(scratch).unlink(missing_ok=True)
        return path

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Trace:
        """Read what `save` wrote."""
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(file[_HEADER].tobytes())
                arrays = {name: file[name] for name in file.files if name != _HEADER}
        except FileNotFoundError:
            raise
        except Exception as damage:
            raise ValueError(
                f"{path} is not a readable Trace ({damage}); run the command that made it again"
            ) from damage
        axes = {name: tuple(names) for name, names in header["axes"].items()}
        return Trace(arrays, axes, header["labels"], header["about"])
