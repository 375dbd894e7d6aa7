"""The watchdog: it stops what does not end, and never strikes after the call is done."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from nlviz.course.attempt import TimeUpError, within


def forever() -> None:
    while True:
        pass


def busy(seconds: float) -> str:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return "done"


def test_an_endless_loop_is_stopped_in_time() -> None:
    start = time.thread_time()  # other processes do not count
    with pytest.raises(TimeUpError):
        within(0.1, forever)
    assert time.thread_time() - start < 5


def test_what_ends_in_time_gives_its_result_or_its_exception() -> None:
    assert within(5.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 / 0)


def test_it_stops_the_thread_it_was_asked_from() -> None:
    seen: list[str] = []

    def elsewhere() -> None:
        try:
            within(0.1, forever)
        except TimeUpError:
            seen.append("stopped")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert busy(0.3) == "done"
    thread.join(60)
    assert seen == ["stopped"]


def test_a_loop_that_eats_every_exception_is_stopped_too() -> None:
    def eats() -> None:
        eaten = 0
        while True:
            try:
                while eaten < 1:
                    pass
            except BaseException:
                eaten += 1

    with pytest.raises(TimeUpError):
        within(0.05, eats)


def test_nothing_strikes_after_a_call_that_ends_just_then() -> None:
    """Three hundred calls end around the moment of the shot: each gives its result or is stopped, and that is all."""
    results = []
    for number in range(300):
        try:
            results.append(within(0.001, partial(busy, 0.0002 + number % 60 * 0.0002)))
        except TimeUpError:
            results.append("stopped")
        busy(0.001)  # a shot that came late would land here
    assert len(results) == 300
    assert set(results) == {"done", "stopped"}


def test_no_watch_stays_behind() -> None:
    before = threading.enumerate()
    for _ in range(20):
        within(300.0, lambda: None)
    for watch in set(threading.enumerate()).difference(before):
        watch.join(60)
        assert not watch.is_alive()
