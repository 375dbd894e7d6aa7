"""The driver of the browser tests: one Chromium and one JupyterLab for the whole session.

A test module asks for them with `pytest_plugins = ("browser",)`; its tests carry `pytest.mark.browser` and
`pytest.mark.xdist_group("browser")`, so that one worker has them all.

    page = show(widget)                            a page of it alone, without a network; closed after the test
    page = opened(widget)                          the same, closed after the module
    page = lab.open(path_of_a_notebook)            a copy of it, in JupyterLab
    run_all(page)                                  Run > Run All Cells, and wait; raises what a cell raised
    clean(page)                                    it logged no error, and no request left the machine
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlviz.widgets.pages import page as write_page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
APPS = ("/usr/bin/chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
OURS = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "file:")
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # all cells stay in the page
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
}


def chromium() -> str | None:
    """The Chromium of this machine, or the one named in NLVIZ_CHROMIUM."""
    found = [os.environ.get("NLVIZ_CHROMIUM"), *(shutil.which(name) for name in NAMES), *APPS]
    return next((path for path in found if path and Path(path).exists()), None)


class Browser(contextlib.AbstractContextManager):
    """One headless Chromium. A closed page is kept for the next one: to open a fresh one takes four times as long."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __enter__(self) -> Browser:
        from playwright.sync_api import sync_playwright

        self.driver = sync_playwright().start()
        self.program_running = self.driver.chromium.launch(executable_path=self.program, args=list(FLAGS))
        self.used: list[Any] = []
        self.free: dict[bool, list[Any]] = {True: [], False: []}
        return self

    def open(
        self,
        where: Path | str,
        width: int = 1200,
        height: int = 900,
        dark: bool = False,
        still: bool = False,
        offline: bool = True,
    ) -> Any:
        """A page: a file on a machine without a network, or an address of this machine."""
        page = self.free[offline].pop() if self.free[offline] else self._page(offline)
        self.used.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(
            color_scheme="dark" if dark else "light", reduced_motion="reduce" if still else "no-preference"
        )
        page.goto(where.as_uri() if isinstance(where, Path) else where, wait_until="domcontentloaded")
        return page

    def _page(self, offline: bool) -> Any:
        page = self.program_running.new_context(offline=offline).new_page()
        page.offline, page.problems, page.offsite = offline, [], []
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda asked: page.offsite.append(asked.url) if not asked.url.startswith(OURS) else None)
        return page

    def close_pages(self) -> None:
        while self.used:
            page = self.used.pop()
            if page.is_closed():
                continue
            page.goto("about:blank")  # what the old document has yet to say is no problem of the next
            page.problems, page.offsite = [], []
            self.free[page.offline].append(page)

    def __exit__(self, *trouble: object) -> None:
        self.program_running.close()
        self.driver.stop()


class Lab(contextlib.AbstractContextManager):
    """One JupyterLab with settings, kernels and notebooks in a temporary folder of its own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def __enter__(self) -> Lab:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        base = Path(self.folder.name)
        self.notebooks, self.log = base / "notebooks", base / "log"
        self.notebooks.mkdir()
        (base / "config" / "labconfig").mkdir(parents=True)
        (base / "config" / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), "utf8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.token = secrets.token_hex(16)
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "IPYTHONDIR": "ipython",
            "MPLCONFIGDIR": "matplotlib",
            "NLVIZ_HOME": "progress",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}"]
        command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"]
        command += [f"--ServerApp.root_dir={self.notebooks}"]
        command += ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        self.server = subprocess.Popen(
            command,
            env={**os.environ, **{name: str(base / place) for name, place in places.items()}},
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
        )
        self._answers()
        return self

    def _answers(self, seconds: int = 90) -> None:
        """Wait until the server answers."""
        address = f"http://127.0.0.1:{self.port}/api/status?token={self.token}"
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.server.poll() is None:
            try:
                urllib.request.urlopen(address, timeout=2).read()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        said = self.log.read_text("utf8", errors="replace")[-3000:]
        self.__exit__()
        raise RuntimeError(f"JupyterLab did not answer on {address} within {seconds} s; it said:\n{said}")

    def open(self, notebook: Path, **page: Any) -> Any:
        """A copy of a notebook, opened; the original stays as it is."""
        name = f"{notebook.stem}-{secrets.token_hex(4)}.ipynb"
        shutil.copy(notebook, self.notebooks / name)
        address = f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset"
        return self.browser.open(address, offline=False, **page)

    def __exit__(self, *trouble: object) -> None:
        self.server.terminate()
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.folder.cleanup()


def run_all(page: Any, seconds: int = 500) -> None:
    """Run > Run All Cells, and wait until every code cell has its number.

    Raises:
        AssertionError: with what the cells raised.
    """
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    # before the kernel is idle, Lab asks for one in a dialog and runs nothing
    page.wait_for_function(
        "[...document.querySelectorAll('#jp-main-statusbar .jp-StatusBar-TextItem')]"
        ".some((item) => / \\| Idle/.test(item.textContent))",
        timeout=60_000,
    )
    for _ in range(3):  # a menu that was opened while Lab was still loading may close again
        with contextlib.suppress(Exception):
            page.click("li.lm-MenuBar-item:has-text('Run')", timeout=10_000)
            page.click("li.lm-Menu-item[data-command='runmenu:run-all']", timeout=10_000)
            page.wait_for_function(
                "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
                ".some((one) => /[*\\d]/.test(one.textContent))",
                timeout=10_000,
            )
            break
    page.wait_for_function(  # after an error the rest is not run
        "document.querySelector('.jp-OutputArea-output[data-mime-type$=error]') ||"
        "[...document.querySelectorAll('.jp-CodeCell')].filter((cell) => cell.querySelector('.cm-line')?.textContent)"
        ".every((cell) => /^\\[\\d+\\]:$/.test(cell.querySelector('.jp-InputPrompt').textContent.trim()))",
        timeout=1000 * seconds,
    )
    errors = page.eval_on_selector_all(
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'],"
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']",
        "(outputs) => outputs.map((output) => output.textContent)",
    )
    raised = [error for error in errors if "Traceback" in error or "Error" in error]
    assert not raised, "\n".join(raised)


# From a key to the end of the frame that shows another picture. `look` is an expression whose value differs when the
# picture does. A message posted while a frame is made is delivered when that frame is on its way to the screen.
_PROBE = """(look) => {
  const see = new Function(`return ${look}`);
  window.probe?.abort();
  const { signal } = (window.probe = new AbortController());
  window.moves = [];
  document.addEventListener("keydown", () => {
    const pressed = performance.now();
    const before = see();
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      if (signal.aborted) return;
      if (see() !== before) window.moves.push(performance.now() - pressed);
      else requestAnimationFrame(() => channel.port2.postMessage(0));
    };
    requestAnimationFrame(() => channel.port2.postMessage(0));
  }, { capture: true, signal });
}"""


def slider_to_pixels(page: Any, control: Any, look: str, moves: int = 20) -> dict[str, float]:
    """Milliseconds from an arrow key to the picture: lowest, median, 90th percentile and highest of some moves."""
    page.evaluate(_PROBE, look)
    control.focus()
    for move in range(moves + 2):  # two to warm up
        page.keyboard.press("ArrowRight" if move % 4 < 2 else "ArrowLeft")
        page.wait_for_function(f"window.moves.length > {move}")
    times = sorted(page.evaluate("window.moves")[2:])
    return {
        "lowest": times[0],
        "median": statistics.median(times),
        "p90": times[round(0.9 * (len(times) - 1))],
        "highest": times[-1],
    }


def drawn(page: Any) -> None:
    """Wait until the last change is in the picture: it may wait for its frame."""
    page.evaluate("() => new Promise(requestAnimationFrame)")


# Of every jump of play where it went; after so many it is told to pause, between two jumps.
_JUMPS = """([key, count]) => {
  const { view } = document.querySelector('.nl');
  const { change } = view;
  const play = [...view.root.querySelectorAll('button')].find((one) => one.textContent.includes('play'));
  window.jumps = [];
  view.change = (patch) => {
    change(patch);
    if (window.jumps.push(patch[key]) === count) queueMicrotask(() => (play.click(), (view.change = change)));
  };
}"""


def jumps(page: Any, key: str, count: int, pause: bool = False) -> list[int]:
    """Press play where motion is to be reduced: the places it goes to, up to the end or, with `pause`, the first."""
    page.evaluate(_JUMPS, [key, count if pause else None])
    page.get_by_role("button", name="play").press("Enter")
    page.wait_for_function("(count) => window.jumps.length === count", arg=count)
    page.get_by_role("button", name="play").wait_for()
    return page.evaluate("window.jumps")


def clean(page: Any) -> None:
    """No error in the console, and no request that left the machine."""
    assert page.problems == []
    assert page.offsite == []


# Goes through states and gives what is then said below; a page waits with that until the hand has come to rest.
_SAID = """async (told) => {
  const { view } = document.querySelector('.nl');
  const later = window.setTimeout;
  window.setTimeout = (what, wait, ...more) => later(what, 0, ...more);
  const said = () => document.querySelector('.nl-summary').textContent;
  const all = [];
  for (const [state, words] of told) {
    view.change(state);
    for (let i = 0; i < 1500 && said() !== words; i++) await new Promise((done) => later(done, 20));
    all.push(said());
    if (said() !== words) break;
  }
  window.setTimeout = later;
  return all;
}"""


def says_what_python_says(page: Any, widget: Any, states: list[dict[str, Any]]) -> None:
    """In every state the sentence below the picture is the widget's summary."""
    told = []
    for state in states:
        widget.state = state
        told.append((widget.state, widget.summary()))
    assert page.evaluate(_SAID, told) == [words for _, words in told]


# Everything in a widget that Tab stops at; of radios of one name the checked one, or the first. Goes to the first stop.
_STOPS = """() => {
  const shown = [...document.querySelectorAll('.nl input, .nl button, .nl [tabindex]')];
  const free = shown.filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0);
  const group = (one) => free.filter((other) => other.type === 'radio' && other.name === one.name);
  const stop = (one) => group(one).find((other) => other.checked) || group(one)[0];
  const stops = free.filter((one) => one.type !== 'radio' || one === stop(one));
  stops[0].focus();
  return stops.length;
}"""


def tab_reaches_every_control(page: Any) -> int:
    """Every stop is reached by Tab, once; how many there are."""
    focused = "[...document.querySelectorAll('.nl *')].indexOf(document.activeElement)"
    stops = page.evaluate(_STOPS)
    reached = {page.evaluate(focused)}
    for _ in range(stops - 1):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(focused))
    assert -1 not in reached
    assert len(reached) == stops
    return stops


def _missing(what: str) -> None:
    """No browser: a skip on somebody's machine, a failure where all tests must run."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


@pytest.fixture(scope="session")
def _one_browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        _missing("no Chromium here: install it (Debian: apt-get install chromium) or name one in NLVIZ_CHROMIUM")
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        _missing("playwright is not installed here: python3 start.py test brings it")
    with Browser(str(program)) as running:
        yield running


@pytest.fixture
def browser(_one_browser: Browser) -> Iterator[Browser]:
    """The session's Chromium; pages a test opened are closed after it."""
    yield _one_browser
    _one_browser.close_pages()


def _shows(browser: Browser, folder: Path) -> Callable[..., Any]:
    numbers = itertools.count()

    def show(*widgets: Any, **page: Any) -> Any:
        path = folder / f"{next(numbers)}.html"
        if len(widgets) == 1:
            write_page(widgets[0], path, "A widget")
        else:
            path.write_text("<!doctype html><meta charset=utf-8>" + "".join(one.html() for one in widgets), "utf8")
        shown = browser.open(path, **page)
        shown.wait_for_function(
            "(count) => document.querySelectorAll('.nl-summary:not(:empty)').length === count", arg=len(widgets)
        )
        return shown

    return show


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Callable[..., Any]:
    """show(widget, ..., width=, height=, dark=, still=): one page with them, where there is no network."""
    return _shows(browser, tmp_path)


@pytest.fixture(scope="module")
def opened(_one_browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """opened(widget, ...): the same for many tests of a module, which then does without `show` and `lab`."""
    yield _shows(_one_browser, tmp_path_factory.mktemp("widgets"))
    try:
        for page in _one_browser.used:
            clean(page)
    finally:
        _one_browser.close_pages()


@pytest.fixture(scope="session")
def _one_lab(_one_browser: Browser) -> Iterator[Lab]:
    with Lab(_one_browser) as running:
        yield running


@pytest.fixture
def lab(_one_lab: Lab, browser: Browser) -> Lab:
    """The session's JupyterLab."""
    return _one_lab
