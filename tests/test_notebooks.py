"""The lessons themselves: in step with their masters, without outputs or solutions, and running from top to bottom."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest

from nlviz.course import build, masters
from nlviz.runtime import project

FOLDER = project() / "notebooks"
LEARNER = [FOLDER / f"{path.stem}.ipynb" for path in masters.masters()]  # not what `build` set aside, not a copy
SOLVED = [FOLDER / "solutions" / path.name for path in LEARNER]
HANG = 600  # seconds


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def test_the_first_lessons_are_there() -> None:
    for folder in (LEARNER, SOLVED):
        assert {"00_start", "01_surprise"} <= {path.stem for path in folder}


def test_every_notebook_is_in_step_with_its_master(capsys: pytest.CaptureFixture[str]) -> None:
    status = build.main(["--check"])
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", LEARNER + SOLVED, ids=name)
def test_a_notebook_holds_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert codes
    assert all(cell.outputs == [] and cell.execution_count is None for cell in codes)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "nlviz", "title"}
    assert "Run All" in notebook.cells[0].source


@pytest.mark.parametrize("path", LEARNER, ids=name)
def test_a_learners_notebook_holds_no_line_of_a_solution(path: Path) -> None:
    master = jupytext.read(FOLDER / "src" / f"{path.stem}.py", fmt="py:percent")
    wanted = [cell for cell in master.cells if "exercise" in cell.metadata]
    there = {line.strip() for cell in nbformat.read(path, as_version=4).cells for line in cell.source.split("\n")}
    assert not {masters.BEGIN, masters.END} & there
    for cell in wanted:
        given = set(masters.stub(cell.source, path.name).split("\n"))
        hidden = {line.strip() for line in cell.source.split("\n") if line not in given}
        assert not {line for line in hidden & there if len(line) > 10}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel of this very interpreter, with folders of its own. Gives the folder that progress is kept in."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.joinpath("kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}), "utf8"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("path", LEARNER + SOLVED, ids=name)
def test_a_notebook_runs_from_top_to_bottom(path: Path, kernel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = nbformat.read(path, as_version=4)
    exercises = {cell.metadata["exercise"] for cell in notebook.cells if "exercise" in cell.metadata}
    start = time.perf_counter()
    nbclient.NotebookClient(
        notebook,
        timeout=HANG,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
    ).execute()
    with capsys.disabled():
        print(f"\n{name(path)} ran in {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    record = kernel / "progress.json"
    kept = json.loads(record.read_text("utf8"))["exercises"] if record.exists() else {}
    passed = {exercise for exercise, entry in kept.items() if entry["passed"]}
    assert passed == (exercises if path in SOLVED else set())
