"""Ctrl-C, or the notebook's stop button, heard between two steps and never within one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Patience:
    """While it lasts, a first interrupt is only remembered, in `lost`; a second one is one.

    >>> import signal
    >>> with Patience() as patience:
    ...     signal.raise_signal(signal.SIGINT)
    ...     patience.lost
    True
    """

    def __init__(self) -> None:
        self.lost = False
        self._before: signal.Handlers | object = None
        self._listens = False

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():  # no other thread hears interrupts
            self._before = signal.signal(signal.SIGINT, self._hear)
            self._listens = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listens:
            # SIG_DFL is 0, and None is a handler that was not set from Python
            before = signal.default_int_handler if self._before is None else self._before
            signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.lost:
            raise KeyboardInterrupt
        self.lost = True
