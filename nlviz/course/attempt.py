"""Calling a learner's function: whatever it does, there is an outcome to talk about, and it comes in time."""

from __future__ import annotations

import ctypes
import dis
import inspect
import linecache
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any

import torch

_SILENT = {"RESUME", "NOP", "CACHE", "COPY_FREE_VARS", "POP_TOP", "PUSH_NULL", "PRECALL"}
_RETURNS = {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
_RAISES = {"LOAD_GLOBAL", "LOAD_CONST", "CALL", "RAISE_VARARGS"}


class TimeUpError(BaseException):
    """The learner's function ran longer than it may. Not an Exception, so that `except Exception:` does not eat it."""


class _Watch:
    """Stops the thread that made it once time is up: by an exception raised inside whatever runs there.

    It needs no signals, so it works on every system, in a kernel and in a thread. A call into C that does not come
    back (one enormous product) is stopped when it does.

    The exception may land on any line, those of `close` too. Whoever was interrupted while taking a lock may leave it
    taken: so the two threads agree by plain flags. One says `aiming` before it looks at `running`, the other takes
    `running` back before it looks at `aiming`.
    """

    def __init__(self, seconds: float) -> None:
        self.target = threading.get_ident()
        self.running = False  # between `begin` and `close`
        self.aiming = False
        self.awake = threading.Event()
        self.thread = threading.Thread(target=self._wait, args=(seconds,), daemon=True)

    def _wait(self, seconds: float) -> None:
        while not self.awake.wait(seconds):
            self.aiming = True
            if self.running:
                _interrupt(self.target, TimeUpError)
            self.aiming = False
            seconds = 0.25  # a bare `except:` may have eaten it: try again

    def begin(self) -> None:
        """From here on the exception may come; not before the new thread's own locks are settled."""
        self.thread.start()
        self.running = True

    def close(self) -> None:
        """From here on nothing is raised any more, not even what was aimed and had not landed yet."""
        self.running = False
        while self.aiming:
            time.sleep(0.0005)
        _interrupt(self.target, None)
        self.awake.set()


def _interrupt(thread: int, exception: type[BaseException] | None) -> None:
    """Have `exception` raised in a thread at its next step; None takes back one that has not been raised yet."""
    what = ctypes.py_object(exception) if exception else ctypes.py_object()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """The result of `call()`, or TimeUpError once it has taken `seconds`.

    >>> within(1.0, lambda: 2 + 2)
    4
    """
    watch = _Watch(seconds)
    try:
        try:
            watch.begin()
            return call()
        finally:
            watch.close()
    except TimeUpError:
        watch.close()  # it may have landed inside the first one
        raise


@dataclass(frozen=True)
class Outcome:
    """What one call of a function left behind.

    Args:
        value: what it returned; None after an exception.
        trouble: the exception as a sentence, or "".
        changed: the arguments it changed in place.
        stopped: whether it ran out of time.
    """

    value: Any = None
    trouble: str = ""
    changed: tuple[str, ...] = ()
    stopped: bool = False


def attempt(fn: Callable[..., Any], arguments: dict[str, Any], seconds: float) -> Outcome:
    """Call `fn` with copies of the arguments. Ctrl-C and the kernel's stop button pass through.

    >>> attempt(lambda a: a / 2, {"a": 1}, seconds=1.0).value
    0.5
    """
    given = {name: copied(value) for name, value in arguments.items()}
    try:
        value = within(seconds, lambda: fn(*given.values()))
    except TimeUpError as error:
        place = _where(error.__traceback__, fn)
        return Outcome(trouble=f"it was still running after {seconds:g} seconds{place}", stopped=True)
    except (Exception, SystemExit) as error:
        return Outcome(trouble=sentence(error, fn))
    changed = tuple(name for name, before in arguments.items() if not same(before, given[name]))
    return Outcome(detached(value), changed=changed)


def copied(value: Any) -> Any:
    """A copy that nobody else holds; autograd finds its way through it."""
    return value.clone() if isinstance(value, torch.Tensor) else value


def detached(value: Any) -> Any:
    """A result without its history, or each of several.

    >>> detached((torch.ones(1, requires_grad=True), 2))
    (tensor([1.]), 2)
    """
    if isinstance(value, tuple):
        return tuple(map(detached, value))
    return value.detach() if isinstance(value, torch.Tensor) else value


def same(a: Any, b: Any) -> bool:
    """Whether an argument is still what it was."""
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def unwritten(fn: Callable[..., Any]) -> bool:
    """Whether a function is still a stub: a docstring, and then `...`, `pass` or `raise NotImplementedError`.

    >>> def stub(x):
    ...     '''What it should do.'''
    ...     ...
    >>> unwritten(stub), unwritten(lambda x: x)
    (True, False)
    """
    code = getattr(inspect.unwrap(fn), "__code__", None)
    if not isinstance(code, CodeType):
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in _SILENT]
    names = {step.opname for step in steps}
    if names <= _RETURNS:
        return all(step.argval is None or step.argval is ... for step in steps if step.opname != "RETURN_VALUE")
    return "RAISE_VARARGS" in names and names <= _RAISES and code.co_names == ("NotImplementedError",)


def sentence(error: BaseException, fn: Callable[..., Any]) -> str:
    """An exception as half a sentence: its kind, its message, and the line of the learner's source it came from."""
    if isinstance(error, RecursionError):
        what = "RecursionError (it calls itself without end)"
    elif isinstance(error, SystemExit):
        what = "SystemExit (leave out exit() and quit(): the check should go on)"
    else:
        short = _short(" ".join(str(error).split()), 200)
        what = f"{type(error).__name__} ({short})" if short else type(error).__name__
    return what + _where(error.__traceback__, fn)


def _where(trace: TracebackType | None, fn: Callable[..., Any]) -> str:
    """The last line of the learner's own cell that was running."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    place = ""
    while trace is not None and code is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            place = f" in line {trace.tb_lineno}" + (f": `{_short(line, 60)}`" if line else "")
        trace = trace.tb_next
    return place


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " ..."
