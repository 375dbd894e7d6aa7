"""What every browser-drawn widget shares on Python's side: its state, the learner's function, and a page of its own.

The browser computes and draws; Python keeps the state, gives the data once, runs a learner's function where there is
one, and says in one sentence what is shown. A widget names its JavaScript and CSS files; they are joined when the
class is made, so there is nothing to build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import traitlets

from ..figures import palette

try:
    import anywidget
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "this needs anywidget, which is not installed here; type: pip install 'nlviz[widgets]'", name=missing.name
    ) from None

_HERE = Path(__file__).parent


class Cell(str):
    """A line of code that shows itself without quotes, ready to be copied into a cell."""

    def __repr__(self) -> str:
        return str(self)


def join(files: tuple[str, ...]) -> str:
    """Several ES modules as one: the imports between them go, and every `export` but the default one."""
    text = "\n".join((_HERE / name).read_text("utf8") for name in files)
    text = re.sub(r"^import\b[^;]*;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE)


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, list[int]], bytes]:
    """Named arrays as one float32 buffer, and where each begins: name -> [offset, *shape].

    >>> pack({"a": np.zeros(2), "b": np.zeros((3, 4))})[0]
    {'a': [0, 2], 'b': [2, 3, 4]}
    """
    index, at = {}, 0
    for name, array in arrays.items():
        index[name] = [at, *array.shape]
        at += array.size
    return index, b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values())


class Widget(anywidget.AnyWidget):
    """A picture with controls, drawn by the browser.

    Args:
        fn: the learner's function; what it computes is drawn dashed over ours.
        strict: raise what goes wrong in `fn` instead of saying it in the widget; for tests.
        state: any of the widget's settings.

    Raises:
        ValueError: for a setting there is not, or one out of range.
    """

    js: ClassVar[tuple[str, ...]] = ()
    styles: ClassVar[tuple[str, ...]] = ()
    call: ClassVar[tuple[str, ...]] = ()  # how a cell makes one: the function, then its data arguments

    made: Mapping[str, Any] = {}  # further arguments the cell gave

    state = traitlets.Dict().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)  # where reset goes
    facts = traitlets.Dict().tag(sync=True)  # words and choices that never change
    index = traitlets.Dict().tag(sync=True)
    packed = traitlets.Bytes().tag(sync=True)  # one float32 buffer, cut by index
    driven = traitlets.Bool(False).tag(sync=True)  # a learner's function takes part
    error = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "js" in cls.__dict__:  # anywidget makes a subclass of its own behind our back, with nothing of its own in it
            cls._esm = join(("base.js", "controls.js", "frame.js", *cls.js))
            cls._css = palette.css(".nl") + "\n".join(
                (_HERE / name).read_text("utf8") for name in ("base.css", "controls.css", *cls.styles)
            )
        super().__init_subclass__(**kwargs)

    def __init__(self, fn: Callable[..., Any] | None = None, strict: bool = False, **state: Any) -> None:
        self.fn, self.strict = fn, strict
        whole = self._whole(state)
        index, packed = pack(self.given())
        facts = {**self.words(), "name": self.call[0]}
        super().__init__(state=whole, start=whole, facts=facts, index=index, packed=packed, driven=fn is not None)
        if fn is not None:
            self.observe(lambda change: self._drive(), "state")
            self._drive()

    # What a widget says about itself.

    def begin(self) -> dict[str, Any]:
        """Every setting and its first value."""
        raise NotImplementedError

    def check(self, state: dict[str, Any]) -> None:
        """Raise a ValueError for settings out of range."""

    def words(self) -> dict[str, Any]:
        """What the browser is told once, as JSON."""
        return {}

    def given(self) -> dict[str, np.ndarray]:
        """What the browser is given once, as arrays."""
        return {}

    def compute(self, state: dict[str, Any], fn: Callable[..., Any]) -> dict[str, np.ndarray]:
        """What the learner's function makes of this state, as arrays."""
        raise NotImplementedError

    def summary(self) -> str:
        """One sentence: what is seen in this state."""
        raise NotImplementedError

    def picture(self) -> str:
        """HTML that stands where no script runs."""
        return ""

    # What `check` is written with.

    def one_of(self, name: str, given: Any, values: Sequence[Any]) -> None:
        """A setting that comes from a list."""
        if given not in values:
            raise ValueError(f"{self.call[0]}: {name} is one of {', '.join(map(repr, values))}; got {given!r}")

    def whole(self, name: str, given: Any, last: int) -> None:
        """A setting that counts from 0."""
        if not isinstance(given, int) or not 0 <= given <= last:
            raise ValueError(f"{self.call[0]}: {name} is a whole number from 0 to {last}; got {given!r}")

    # What everybody can do with one.

    def reset(self) -> None:
        """Back to the state the cell made."""
        self.state = self.start

    def code(self) -> str:
        """The cell that makes this widget in its present state."""
        name, *data = self.call
        begin = self.begin()
        words = [f"{key}={value!r}" for key, value in self.made.items()]
        settings = [f"{key}={value!r}" for key, value in self.state.items() if value != begin[key]]
        driver = [f"fn={getattr(self.fn, '__name__', 'fn')}"] if self.fn is not None else []
        return Cell(f"nl.widgets.{name}({', '.join([*data, *driver, *words, *settings])})")

    def _whole(self, some: Mapping[str, Any]) -> dict[str, Any]:
        begin = self.begin()
        unknown = [key for key in some if key not in begin]
        if unknown:
            raise ValueError(f"{self.call[0]} has no setting {unknown[0]!r}; it has {', '.join(begin)}")
        whole = {**begin, **some}
        self.check(whole)
        return whole

    @traitlets.validate("state")
    def _state_is_whole(self, proposal: Any) -> dict[str, Any]:
        return self._whole(proposal["value"])

    def _drive(self) -> None:
        """Run the learner's function; its mistakes become a sentence, and our own picture stays."""
        assert self.fn is not None
        arrays, error = {}, ""
        try:
            arrays = self.compute(self.state, self.fn)
        except Exception as mistake:
            if self.strict:
                raise
            name = getattr(self.fn, "__name__", "your function")
            error = f"{name} stopped with {type(mistake).__name__}: {mistake}. What you see is ours alone."
        index, packed = pack({**self.given(), **arrays})
        with self.hold_sync():
            self.error, self.index, self.packed = error, index, packed

    def html(self) -> str:
        """The widget as HTML that needs no kernel and no network."""
        from .pages import fragment

        return fragment(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, about = bundle
        return {**data, "text/plain": self.summary(), "text/html": self.html()}, about
