"""doctor: a row for everything, a cure for whatever is not fine, and an answer where the install is broken."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import nlviz as nl
from nlviz import __main__, checkup
from nlviz.checkup import Report, Row

ITEMS = {"Python", "PyTorch", "device", "memory", "disk", "numpy", "matplotlib", "plotly", "anywidget", "ipywidgets"}
ITEMS |= {"jupyterlab", "digits", "lessons", "progress"}


def row(item: str) -> Row:
    return next(row for row in nl.doctor().rows if row.item == item)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path))
    return tmp_path


def test_everything_has_a_row_and_is_in_place_here() -> None:
    report = nl.doctor()
    assert {row.item for row in report.rows} == ITEMS
    assert report.ok, str(report)
    assert str(report).endswith("Everything is in place.")
    assert all(row.mark == "fine" for row in report.rows)


@pytest.mark.parametrize("module", ["torch", "matplotlib", "plotly", "anywidget", "jupyterlab", "sklearn", "psutil"])
def test_a_missing_package_is_a_row_with_its_cure(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, module, None)
    ill = [row for row in nl.doctor().rows if row.cure]
    assert ill
    assert any(module in row.found and "not installed" in row.found for row in ill), ill


def test_a_torch_that_does_not_load_is_a_row_and_the_others_still_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("[WinError 126] a DLL was not found\nand more lines")

    monkeypatch.setattr(checkup, "_torch", broken)
    report = nl.doctor()
    assert not report.ok
    (ill,) = (row for row in report.rows if row.cure)
    assert ill.item == "PyTorch"
    assert ill.found == "does not work: OSError: [WinError 126] a DLL was not found"
    assert ".venv" in ill.cure
    assert str(report).endswith("Have a look at: PyTorch.")


def test_checkup_itself_imports_no_package() -> None:
    use = "import sys; import nlviz.checkup; print([m for m in ('torch', 'numpy', 'psutil') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_torch_that_multiplies_wrongly_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: torch.zeros(2, 2))
    assert "multiplies wrongly" in row("PyTorch").found


def test_an_old_or_new_python_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup.sys, "version_info", (3, 14, 0))
    assert "3.11, 3.12 or 3.13" in row("Python").cure


def test_plotly_7_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup.metadata, "version", lambda name: "7.1.0")
    assert "plotly>=6.1,<7" in row("plotly").cure


def test_a_full_disk_and_a_full_memory_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    little = SimpleNamespace(free=1e8, available=1e8, total=8e9)
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda place: little)
    fake: Any = ModuleType("psutil")
    fake.virtual_memory = lambda: little
    monkeypatch.setitem(sys.modules, "psutil", fake)
    assert row("disk").mark == "look"
    assert row("memory").found == "0.1 of 8.0 GB free"
    assert "close other programs" in row("memory").cure


def test_absent_lessons_and_a_blocked_progress_folder_are_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    assert "start.py lab" in row("lessons").cure
    (home / "a file").touch()
    monkeypatch.setenv("NLVIZ_HOME", str(home / "a file"))
    assert "NLVIZ_HOME" in row("progress").cure


def test_looking_at_progress_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLVIZ_HOME", str(home / "not yet" / "there"))
    assert row("progress").mark == "fine"
    assert list(home.iterdir()) == []


def test_the_table_says_it_in_words_and_escapes_what_it_found() -> None:
    report = Report((Row("a", "fine & well"), Row("b", "<broken>", "mend it")))
    lines = str(report).splitlines()
    assert lines[0].startswith("fine  a")
    assert lines[1].startswith("look  b")
    assert lines[2].strip() == "mend it"
    assert repr(report) == str(report)
    page = report._repr_html_()
    assert "fine &amp; well" in page
    assert "&lt;broken&gt;" in page
    words: list[str] = []
    parser = HTMLParser()
    parser.handle_data = words.append  # type: ignore[method-assign]
    parser.feed(page)
    assert {"fine", "look", "mend it", "Have a look at: b."} <= set(words)


@pytest.mark.parametrize(("cure", "status"), [("", 0), ("mend it", 1)])
def test_the_command_prints_the_table_and_fails_if_something_is_ill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cure: str, status: int
) -> None:
    report = Report((Row("Python", "3.11", cure),))
    monkeypatch.setattr(checkup, "doctor", lambda: report)
    assert __main__.main(["doctor"]) == status
    assert capsys.readouterr().out == f"{report}\n"


def test_build_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlviz.course import build

    given: list[list[str]] = []
    monkeypatch.setattr(build, "main", lambda argv: given.append(argv) or 4)
    assert __main__.main(["build", "--check"]) == 4
    assert __main__.main(["build", "--help"]) == 4
    assert given == [["--check"], ["--help"]]


@pytest.mark.parametrize("argv", [[], ["bild"], ["doctor", "--fast"]])
def test_a_wrong_command_is_a_sentence(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.main(argv)
    assert "nlviz: error:" in capsys.readouterr().err
