"""The wheel, installed alone beside torch and numpy, as a researcher without Jupyter has it.

What torch and numpy need is linked from the running environment into an empty one; nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.xdist_group("wheel")  # one worker builds it, once
PICTURES = ("IPython", "ipywidgets", "anywidget", "traitlets", "jupyterlab", "matplotlib", "plotly", "sklearn")


def run(*command: str | Path) -> str:
    """What a command prints; a failure shows all it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "PYTEST"))}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=ROOT, env=clean)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def with_needs(*names: str) -> dict[str, metadata.Distribution]:
    """Distributions and all they require here, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower()
        if name not in found:
            found[name] = metadata.distribution(name)
            needs = [Requirement(line) for line in found[name].requires or ()]
            waiting += [need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """alone("import nlviz"): run code where nothing but the wheel, torch, numpy and their needs is installed."""
    env = tmp_path_factory.mktemp("alone")
    run(sys.executable, "-m", "venv", "--without-pip", env)
    python = env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for distribution in with_needs("torch", "numpy").values():
        tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            source = Path(str(distribution.locate_file(top)))
            if not (packages / top).exists():
                (packages / top).symlink_to(source, target_is_directory=source.is_dir())
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", packages, wheel)
    return lambda code: run(python, "-I", "-c", code)


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nlviz").rglob("*") if path.is_file()}
    assert inside == {name for name in package if "__pycache__" not in name}
    assert "nlviz/py.typed" in inside
    assert {Path(name).suffix for name in inside} >= {".py", ".js", ".css"}


def test_the_wheel_alone_brings_torch_and_numpy_and_the_rest_as_extras(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        about = file.read(next(name for name in file.namelist() if name.endswith("METADATA"))).decode()
    needs = [Requirement(line.split(": ", 1)[1]) for line in about.splitlines() if line.startswith("Requires-Dist")]
    assert {need.name for need in needs if not need.marker} == {"torch", "numpy"}
    extras = {line.split(": ")[1] for line in about.splitlines() if line.startswith("Provides-Extra")}
    assert extras >= {"figures", "widgets", "digits", "course"}


def test_nothing_of_jupyter_is_there(alone: Callable[[str], str]) -> None:
    found = alone(f"from importlib.util import find_spec as f; print([m for m in {PICTURES} if f(m)])")
    assert found.strip() == "[]"


def test_memories_tasks_traces_and_measure_work_alone(alone: Callable[[str], str]) -> None:
    said = alone("""
import os, tempfile
import nlviz as nl
task = nl.tasks.recall(pairs=8, d_key=16, d_value=16, seed=0)
trace = nl.run(nl.Delta(lr=1.0), task, record=("error", "memory"))
with tempfile.TemporaryDirectory() as folder:
    again = nl.Trace.load(trace.save(os.path.join(folder, "trace.npz")))
assert (again["memory"] == trace["memory"]).all()
assert nl.measure.squared_error(again).shape == (8,)
assert nl.measure.squared_error(nl.run(nl.Hebb(), task)).mean() > nl.measure.squared_error(trace).mean()
print(nl.__file__)
""")
    assert not said.startswith(str(ROOT / "nlviz")), "this tested the working copy and not the wheel"


@pytest.mark.parametrize(
    ("code", "missing", "extra"),
    [
        ("nl.figures.memory", "matplotlib", "figures"),
        ("nl.widgets.surprise_ledger", "[a-z]+", "widgets"),
        ("nl.tasks.digits()", "sklearn", "digits"),
    ],
)
def test_what_needs_an_extra_says_which(alone: Callable[[str], str], code: str, missing: str, extra: str) -> None:
    said = alone(f"""
import re
import nlviz as nl
try:
    {code}
except ModuleNotFoundError as error:
    said = str(error)
assert re.search(r"needs {missing}, which is not installed here; type: pip install 'nlviz\\[{extra}\\]'$", said), said
print(said)
""")
    assert len(said.splitlines()) == 1


def test_doctor_answers_where_nothing_but_torch_is_installed(alone: Callable[[str], str]) -> None:
    said = alone("import nlviz as nl; report = nl.doctor(); print(report); assert not report.ok")
    assert "look  jupyterlab" in said
    assert "fine  PyTorch" in said
    assert "start.py lab" in said


def test_import_is_quick_and_loads_nothing_of_jupyter(alone: Callable[[str], str]) -> None:
    code = f"""
import sys, time
import numpy, torch
before = time.perf_counter()
import nlviz as nl
nl.Delta, nl.run, nl.tasks.recall, nl.measure.squared_error, nl.Trace
print(time.perf_counter() - before)
loaded = {{name.split(".")[0] for name in sys.modules}}
assert not loaded & set({PICTURES}), loaded & set({PICTURES})
"""
    best = min(float(alone(code)) for _ in range(2))
    print(f"\nimport nlviz, its memories, tasks and measures: {1000 * best:.0f} ms beyond torch and numpy")


def test_import_loads_none_of_it_where_it_is_installed_either() -> None:
    use = "import sys; import nlviz as nl; nl.Delta, nl.run, nl.tasks.recall"
    assert run(sys.executable, "-c", f"{use}; print([m for m in {PICTURES} if m in sys.modules])").strip() == "[]"
