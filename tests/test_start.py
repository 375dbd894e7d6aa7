"""start.py: what it installs and when, what it says when something is in the way, and what it passes on.

Its pip and its venv are stood in for by a machine that writes down what it was asked and can be told to fail.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("start.py", "start_install.py")
LOCKS = ("requirements-torch.txt", "requirements.lock", "requirements-test.lock")


class Killed(BaseException):
    """kill -9: nothing of the program runs after it."""


class Machine:
    """A copy of start.py in an empty folder, with stand-ins for what it runs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*CODE, *LOCKS):
            shutil.copy(ROOT / name, folder)
        self.folder = folder
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "start_install", raising=False)
        spec = spec_from_file_location("start", folder / "start.py")
        assert spec is not None
        assert spec.loader is not None
        self.start = module_from_spec(spec)
        spec.loader.exec_module(self.start)
        self.install: ModuleType = self.start.install
        monkeypatch.delitem(sys.modules, "start_install")
        self.commands: list[list[str]] = []
        self.failing: dict[str, Any] = {}  # word of a command -> (status, what is said), or an exception
        self.real_piped, self.real_answer = self.install.piped, self.install.answer
        monkeypatch.setattr(self.install, "piped", lambda command, lock: self.piped(command))
        monkeypatch.setattr(self.install, "answer", self.answer)
        monkeypatch.setattr(self.install, "free", lambda: 50.0)
        monkeypatch.setattr(self.start, "call", lambda *words: self.run("call", words))
        monkeypatch.setattr(self.start, "hand_over", lambda *words: self.run("hand over", words))
        monkeypatch.delenv("NLVIZ_TORCH_INDEX", raising=False)

    def run(self, how: str, words: Any) -> int:
        self.commands.append([how, *map(str, words)])
        return self.outcome()[0]

    def piped(self, command: list[Any]) -> tuple[int, str]:
        self.commands.append(list(map(str, command)))
        if "venv" in command:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.write_text("3.11")
            (self.env / "pip").touch()
        return self.outcome()

    def outcome(self) -> tuple[int, str]:
        """How the last command ends: well, unless it was told to fail."""
        for word, outcome in self.failing.items():
            if any(word in (w, Path(w).name) for w in self.commands[-1]):
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome
        return 0, ""

    def answer(self, *command: Any) -> str:
        """What .venv's Python says: its version, pip's, or that it can import."""
        if command[0] != self.python or not self.python.exists():
            return ""
        if "pip" in command:
            return "pip" if (self.env / "pip").exists() else ""
        return self.python.read_text() if "version_info" in command[-1] else "1"

    def __call__(self, *argv: str) -> int:
        """Type a command; forget what was run before."""
        self.commands.clear()
        return self.start.main(list(argv))

    @property
    def env(self) -> Path:
        return self.folder / ".venv"

    @property
    def python(self) -> Path:
        return self.install.PYTHON

    @property
    def steps(self) -> list[str]:
        """What was set up by the last command, in order: venv, torch, course, test."""
        marks = {"venv": "venv", str(self.install.TORCH): "torch", str(self.install.TEST_LOCK): "test"}
        marks[str(self.folder)] = "course"
        return [step for words in self.commands for mark, step in marks.items() if mark in words]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    return Machine(tmp_path.resolve(), monkeypatch)


# An old Python must get as far as the sentence.


@pytest.mark.parametrize("name", CODE)
def test_python_3_6_can_read_it(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text("utf8"), feature_version=(3, 6))
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__"), "3.6 knows no future annotations"
        if isinstance(node, ast.FunctionDef):
            notes = [node.returns, *(arg.annotation for arg in node.args.args)]
            assert all(note is None or isinstance(note, ast.Name | ast.Constant) for note in notes), (
                f"{node.name}: an old Python evaluates its annotations; keep them plain names"
            )


@pytest.mark.parametrize("name", CODE)
def test_it_needs_the_standard_library_only(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf8"))):
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert {module.split(".")[0] for module in found} <= {*sys.stdlib_module_names, "start_install"}


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 14)])
def test_a_python_that_does_not_fit_is_a_sentence_with_its_cure(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: tuple[int, int]
) -> None:
    monkeypatch.setattr(machine.install, "VERSION", version)
    assert machine("lab") == 1
    said = capsys.readouterr().err
    assert "needs Python 3.11, 3.12 or 3.13" in said
    assert f"this is {version[0]}.{version[1]}" in said
    assert "python.org" in said
    assert not machine.env.exists()


def test_a_fitting_python_beside_it_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.install, "VERSION", (3, 9))
    monkeypatch.setattr(machine.install, "answer", lambda *words: "1" if "3.12" in " ".join(words) else "")
    monkeypatch.setattr(sys, "argv", ["start.py", "lab", "--no-browser"])
    assert "3.12 start.py lab --no-browser" in machine.install.obstacle()


def test_an_intel_mac_and_a_32_bit_python_are_sentences(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.install, "VERSION", (3, 11))
    monkeypatch.setattr(machine.install, "SYSTEM", "darwin")
    monkeypatch.setattr(machine.install, "MACHINE", "arm64")
    assert machine.install.obstacle() == ""
    monkeypatch.setattr(machine.install, "MACHINE", "x86_64")
    assert "Intel Macs" in machine.install.obstacle()
    monkeypatch.setattr(machine.install, "SYSTEM", "win32")
    monkeypatch.setattr(machine.install.sys, "maxsize", 2**31 - 1)
    assert "32-bit" in machine.install.obstacle()


# What is installed, and when.


def test_the_first_call_installs_torch_then_the_lock_then_the_package(machine: Machine) -> None:
    assert machine("lab") == 0
    venv, torch, lock, package, lab = machine.commands
    assert venv == [sys.executable, "-m", "venv", str(machine.env)]
    torch_pin, course_lock = str(machine.install.TORCH), str(machine.install.LOCK)
    assert torch[-4:] == ["-r", torch_pin, "-c", course_lock]
    assert lock[-2:] == ["-r", course_lock]
    assert package[-4:] == ["--no-deps", "--no-build-isolation", "-e", str(machine.folder)]
    assert lab[0] == "hand over"
    assert not any("requirements-test.lock" in word for command in machine.commands for word in command)


def test_the_second_call_installs_nothing(machine: Machine) -> None:
    machine("lab")
    machine("lab")
    assert machine.steps == []
    assert len(machine.commands) == 1


def test_only_test_installs_what_tests_need(machine: Machine) -> None:
    machine("lab")
    machine("test")
    assert machine.steps == ["test"]
    machine("lab")
    assert machine.steps == []


@pytest.mark.parametrize(("name", "step"), [("requirements-torch.txt", "torch"), ("requirements.lock", "course")])
def test_a_changed_lock_installs_its_own_step_only(machine: Machine, name: str, step: str) -> None:
    machine("test")
    with open(machine.folder / name, "a") as lock:
        lock.write("# newer\n")
    machine("test")
    assert machine.steps == [step]
    machine("test")
    assert machine.steps == []


def test_another_python_or_another_folder_makes_it_anew(machine: Machine) -> None:
    machine("lab")
    machine.python.write_text("3.12")
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]
    stamp = json.loads(machine.install.STAMP.read_text())
    machine.install.STAMP.write_text(json.dumps({**stamp, "folder": "where it was copied from"}))
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]


def test_a_working_venv_of_ones_own_is_kept(machine: Machine) -> None:
    machine.piped(["venv"])
    (machine.env / "mine").touch()
    machine("lab")
    assert machine.steps == ["torch", "course"]
    assert (machine.env / "mine").exists()


def test_jupyterlab_starts_without_news_and_follows_the_system(machine: Machine) -> None:
    machine("lab")
    file = machine.env / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json"
    settings = json.loads(file.read_text())
    assert settings["@jupyterlab/apputils-extension:notification"] == {"checkForUpdates": False, "fetchNews": "false"}
    assert settings["@jupyterlab/apputils-extension:themes"] == {"adaptive-theme": True}


@pytest.mark.parametrize(("system", "tried"), [("linux", True), ("darwin", False), ("win32", False)])
def test_a_cpu_index_is_tried_first_on_linux(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, system: str, tried: bool
) -> None:
    monkeypatch.setenv("NLVIZ_TORCH_INDEX", "https://cpu.example")
    monkeypatch.setattr(machine.install.sys, "platform", system)
    machine.install.set_up("torch", "course")
    torch = [words for words in machine.commands if str(machine.install.TORCH) in words]
    assert len(torch) == 1
    assert ("https://cpu.example" in torch[0]) == tried


def test_a_cpu_index_that_does_not_answer_is_passed_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLVIZ_TORCH_INDEX", "https://cpu.example")
    monkeypatch.setattr(machine.install.sys, "platform", "linux")
    machine.failing["https://cpu.example"] = (1, "WARNING: Retrying (")
    assert machine("lab") == 0
    first, second = (words for words in machine.commands if str(machine.install.TORCH) in words)
    assert "--index-url" in first
    assert "--index-url" not in second


# An install that was interrupted is repaired by the next call.


@pytest.mark.parametrize("at", ["venv", "requirements-torch.txt", "-e", "requirements-test.lock"])
def test_a_killed_install_is_repaired_by_the_next_call(machine: Machine, at: str) -> None:
    machine.failing[at] = Killed()
    with pytest.raises(Killed):
        machine("test")
    (machine.env / "lib").mkdir()
    (machine.env / "lib" / "half a package").touch()
    machine.failing.clear()
    assert machine("test") == 0
    assert machine.steps == ["venv", "torch", "course", "test"]
    assert not (machine.env / "lib").exists()


def test_a_call_killed_while_it_clears_is_repaired_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("lab")
    machine.python.write_text("3.9")
    with monkeypatch.context() as patch:
        patch.setattr(machine.install.shutil, "rmtree", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            machine("lab")
    machine.python.write_text("3.11")  # half of it is still there, and seems to work
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]


def test_a_killed_update_is_repaired_too(machine: Machine) -> None:
    machine("lab")
    machine.failing["requirements-test.lock"] = Killed()
    with pytest.raises(Killed):
        machine("test")
    machine.failing.clear()
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]


def test_a_venv_without_python_or_without_pip_is_made_anew(machine: Machine) -> None:
    machine.env.mkdir()
    (machine.env / "pyvenv.cfg").touch()
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]
    machine.python.unlink()
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]
    machine.install.STAMP.unlink()
    (machine.env / "pip").unlink()
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]


@pytest.mark.parametrize("damage", ["", "{", "null", "[1]", "\udcff"])
def test_a_damaged_stamp_counts_as_interrupted(machine: Machine, damage: str) -> None:
    machine("lab")
    machine.install.STAMP.write_bytes(damage.encode("utf8", "surrogateescape"))
    machine("lab")
    assert machine.steps == ["venv", "torch", "course"]


def test_a_failing_network_leaves_what_was_there(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine("lab")
    machine.failing["requirements-test.lock"] = (
        1,
        "WARNING: Retrying (Retry(total=4))\nERROR: No matching distribution",
    )
    assert machine("test") == 1
    assert "network" in capsys.readouterr().err
    machine.failing.clear()
    assert machine("lab") == 0
    assert machine.steps == []
    machine("test")
    assert machine.steps == ["test"]


def test_two_calls_at_once_install_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, second = threading.Event(), threading.Thread(target=machine.install.set_up, args=("torch", "course"))
    plain = machine.piped

    def piped(command: list[Any], lock: Any) -> tuple[int, str]:
        if "venv" in command:
            second.start()
            assert waiting.wait(60), "the second call did not wait"
        return plain(command)

    pause = machine.install.time.sleep
    monkeypatch.setattr(machine.install, "piped", piped)
    monkeypatch.setattr(machine.install.time, "sleep", lambda seconds: (waiting.set(), pause(0.01)))
    machine.install.set_up("torch", "course")
    second.join(60)
    assert machine.steps == ["venv", "torch", "course"]
    assert machine.install.missing("torch", "course") == []


# What is in the way is said in a sentence.


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "2.5 GB"),
        ("ERROR: [WinError 112] There is not enough space on the disk", "2.5 GB"),
        ("WARNING: Retrying (Retry(total=0)): NewConnectionError\nERROR: No matching distribution found", "network"),
        ("ERROR: HTTPSConnectionPool: ReadTimeoutError", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "Binder"),
        ("something odd\nERROR: the wheel is odd", "the wheel is odd. Call again"),
        ("", "Call again"),
    ],
)
@pytest.mark.parametrize("at", ["requirements-torch.txt", "venv"])
def test_a_failing_pip_is_one_sentence(
    machine: Machine, capsys: pytest.CaptureFixture[str], said: str, cure: str, at: str
) -> None:
    machine.failing[at] = (1, said)
    assert machine("lab") == 1
    sentence = capsys.readouterr().err.strip()
    assert cure in sentence
    assert "call again" in sentence.lower() or "Binder" in sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence


def test_too_little_room_is_said_before_anything_is_fetched(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine.install, "free", lambda: 1.2)
    assert machine("lab") == 1
    assert "1.2 GB free" in capsys.readouterr().err
    assert machine.commands == []


def test_a_python_without_venv_names_the_package_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine.install.importlib.util, "find_spec", lambda name: None)
    assert machine("lab") == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install python{version}-venv" in capsys.readouterr().err


def test_ctrl_c_and_an_unwritable_folder_are_sentences(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.failing["requirements.lock"] = KeyboardInterrupt()
    assert machine("lab") == 130
    machine.failing["requirements.lock"] = PermissionError(13, "Permission denied", ".venv")
    assert machine("lab") == 1
    said = capsys.readouterr().err
    assert "Stopped." in said
    assert "Permission denied" in said
    assert "Traceback" not in said


# What is run, and what is passed on.


def test_lab_opens_the_first_page_and_passes_arguments_on(machine: Machine) -> None:
    machine("lab", "--no-browser", "--port=9999")
    command = machine.commands[-1]
    assert command[:3] == ["hand over", "-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start.ipynb" in command
    assert f"--ServerApp.root_dir={machine.folder}" in command
    assert command[-2:] == ["--no-browser", "--port=9999"]
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    assert ("--allow-root" in command) == root


def test_test_runs_lint_format_types_and_tests_in_this_order(machine: Machine) -> None:
    assert machine("test", "-k", "delta") == 0
    assert [words[2:] for words in machine.commands if words[0] == "call"] == [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pytest", "-n", "2", "-k", "delta"],
    ]


@pytest.mark.parametrize("own", [["-n", "0"], ["-n4"], ["--numprocesses=3"]])
def test_the_callers_own_number_of_workers_is_kept(machine: Machine, own: list[str]) -> None:
    machine("test", *own)
    assert machine.commands[-1] == ["call", "-m", "pytest", *own]


@pytest.mark.parametrize("failing", ["ruff", "mypy", "pytest"])
def test_every_check_runs_even_if_one_fails_and_the_table_says_which(
    machine: Machine, capsys: pytest.CaptureFixture[str], failing: str
) -> None:
    machine.failing[failing] = (1, "")
    assert machine("test") == 1
    assert sum(words[0] == "call" for words in machine.commands) == 4
    table = capsys.readouterr().out.splitlines()[-4:]
    for line in table:
        assert line.startswith("FAILED" if failing in line else "passed"), line
        assert " s  " in line


def test_any_other_command_goes_to_the_package(machine: Machine) -> None:
    machine.failing["build"] = (3, "")
    assert machine("build", "--check") == 3
    assert machine.commands[-1] == ["hand over", "-m", "nlviz", "build", "--check"]


def test_doctor_installs_nothing_and_says_what_to_type(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine("doctor") == 1
    said = capsys.readouterr().out
    assert "look  .venv" in said
    assert "type: python3 start.py lab" in said
    assert machine.commands == []
    assert not machine.env.exists()


@pytest.mark.parametrize("status", [0, 1])
def test_doctor_hands_over_to_the_package_where_it_can(
    machine: Machine, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    machine("lab")
    capsys.readouterr()
    machine.failing["doctor"] = (status, "")
    assert machine("doctor") == status
    assert machine.commands == [["call", "-m", "nlviz", "doctor"]]
    assert capsys.readouterr().out == ""
    machine.install.TORCH.write_text("torch==99\n")
    assert machine("doctor") == 1
    assert machine.commands == [["call", "-m", "nlviz", "doctor"]]
    assert "to be installed: torch" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_names_every_command(machine: Machine, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    assert machine(*argv) == 0
    said = capsys.readouterr().out
    assert all(f"start.py {command}" in said for command in ("lab", "test", "doctor", "build"))
    assert machine.commands == []


# The stand-ins stand for these.


def test_pip_is_heard_and_its_errors_are_shown(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.env.mkdir()
    with machine.install.alone() as lock:
        code = "import sys; print('Collecting torch'); print('ERROR: no torch', file=sys.stderr); sys.exit(3)"
        status, said = machine.real_piped([sys.executable, "-c", code], lock)
    assert status == 3
    assert said.splitlines() == ["Collecting torch", "ERROR: no torch"]
    assert capsys.readouterr().out == "ERROR: no torch\n"


def test_what_does_not_run_answers_nothing(machine: Machine) -> None:
    assert machine.real_answer(sys.executable, "-c", "print(41 + 1)") == "42"
    assert machine.real_answer(sys.executable, "-c", "raise SystemExit(1)") == ""
    assert machine.real_answer(machine.folder / "nothing here") == ""


def test_what_runs_in_venv_sees_that_and_no_other_python(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_USER"):
        monkeypatch.setenv(name, "elsewhere")
    found = machine.install.environment()
    assert not {"PYTHONHOME", "PYTHONPATH", "PIP_USER"} & set(found)
    assert found["PATH"].split(os.pathsep)[0] == str(machine.python.parent)
