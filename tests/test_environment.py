"""The files that describe the environment agree with each other: locks, conda, Binder, package, citation. Offline."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec

import nlviz

ROOT = Path(__file__).resolve().parent.parent
CONDA = [ROOT / "environment.yml", ROOT / "binder" / "environment.yml"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]


def requirements(name: str) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in (ROOT / name).read_text("utf8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pins(name: str) -> dict[str, set[str]]:
    """Package -> the versions a lock pins, one for each kind of machine."""
    found: dict[str, set[str]] = {}
    for requirement in requirements(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{name}: {requirement} is not pinned"
        found.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    return found


def dependencies(path: Path) -> tuple[list[str], list[str]]:
    """The conda lines and the pip lines of an environment file."""
    lines = yaml.safe_load(path.read_text("utf8"))["dependencies"]
    (pip,) = (line["pip"] for line in lines if isinstance(line, dict))
    return [line for line in lines if isinstance(line, str)], pip


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.parent.name)
def test_every_conda_line_is_a_match_spec(path: Path) -> None:
    content = yaml.safe_load(path.read_text("utf8"))
    assert set(content) <= {"name", "channels", "dependencies", "variables"}
    conda, _ = dependencies(path)
    specs = {str(MatchSpec(line).name.normalized): MatchSpec(line) for line in conda}
    assert set(specs) == {"python", "pip"}, "pip must be named for a pip section; all else comes from the lock"
    python = str(specs["python"].version).removesuffix(".*")
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.parent.name)
def test_every_pip_line_names_a_file_that_exists(path: Path) -> None:
    _, pip = dependencies(path)
    wanted = {("-r", ROOT / "requirements-torch.txt"), ("-r", ROOT / "requirements.lock"), ("-e", ROOT)}
    named = {
        (option, (path.parent / place).resolve()) for option, place in map(str.split, pip) if option in ("-r", "-e")
    }
    assert named == wanted, "conda reads the same locks as start.py"


def test_binder_alone_looks_at_one_more_index() -> None:
    options = {path: [line for line in dependencies(path)[1] if line.startswith("--")] for path in CONDA}
    assert list(options.values()) == [[], ["--extra-index-url https://download.pytorch.org/whl/cpu"]]


def test_torch_is_pinned_and_the_lock_brings_none_of_its_cuda() -> None:
    assert list(pins("requirements-torch.txt")) == ["torch"]
    both = {*pins("requirements.lock"), *pins("requirements-test.lock")}
    assert not [name for name in both if name.startswith(("torch", "nvidia", "cuda", "triton"))]


@pytest.mark.parametrize("name", ["requirements", "requirements-test"])
def test_the_lock_holds_everything_that_was_asked_for(name: str) -> None:
    locked = pins(f"{name}.lock")
    for requirement in requirements(f"{name}.in"):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement


def test_both_locks_agree_where_they_meet() -> None:
    course, test = pins("requirements.lock"), pins("requirements-test.lock")
    for name in set(course) & set(test):
        assert test[name] <= course[name], name


def test_the_lock_satisfies_torch_and_every_extra() -> None:
    locked = {**pins("requirements.lock"), **pins("requirements-torch.txt")}
    asked = [*PROJECT["dependencies"], *(line for lines in PROJECT["optional-dependencies"].values() for line in lines)]
    for requirement in map(Requirement, asked):
        if requirement.name != "nlviz":
            versions = locked[canonicalize_name(requirement.name)]
            assert all(version in requirement.specifier for version in versions), requirement


def test_the_version_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert nlviz.__version__ == PROJECT["version"] == citation["version"]
    assert citation["license"] == PROJECT["license"]


def test_a_citation_has_all_that_its_format_demands() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    (paper,) = citation["references"]
    assert {"type", "title", "authors"} <= set(paper)
    assert paper["url"] == "https://arxiv.org/abs/2512.24695"


def test_ci_runs_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf8").splitlines()
    assert "set -eu" in script
    assert "export CI=true" in script
    assert script[-1].startswith("exec python3 start.py test")
