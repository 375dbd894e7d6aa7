"""Progress survives what happens to files: two kernels at once, damage, a folder that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import nlviz as nl
from nlviz.course import records
from nlviz.memory import outer


def right(u, x):
    return outer(u, x)


def wrong(u, x):
    return outer(x, u)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_tries_are_counted_until_the_pass_and_a_pass_stays() -> None:
    nl.check("00.A", wrong)
    nl.check("00.A", wrong)
    nl.check("00.A", right)
    nl.check("00.A", wrong)
    kept, remark = records.read()
    assert kept["00.A"]["tries"] == 3
    assert isinstance(kept["00.A"]["passed"], str)
    assert remark == ""
    assert nl.progress().done == 1


def test_progress_is_a_table_in_words() -> None:
    nl.check("00.A", right)
    nl.check("01.B", lambda W, x, u, lr: W)
    rows = dict((row[0], row) for lesson in nl.progress().lessons.values() for row in lesson)
    assert rows["00.A"] == ("00.A", "outer", True, 1)
    assert rows["01.A"] == ("01.A", "surprise", False, 0)
    assert rows["01.B"] == ("01.B", "remember", False, 1)
    text, html = repr(nl.progress()), nl.progress()._repr_html_()
    assert "✓ done" in text
    assert "○ not yet" in text
    assert f"1 of {len(rows)} exercises done" in text
    assert "<caption" in html
    assert '<th scope="col"' in html


def test_nothing_is_lost_when_many_write_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes and four threads: 2 x 25 + 4 x 10 tries of one exercise, and one of each of forty others."""
    monkeypatch.setattr(records, "_WAIT", 60)  # on a busy machine one of six may be unlucky for long
    tries = "for _ in range(25): assert records.note('01.A', False) == ''"
    code = f"from nlviz.course import records\nrecords._WAIT = 60\n{tries}"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        remarks = list(pool.map(lambda n: records.note("01.A", False) + records.note(f"{n}.A", True), range(40)))
    assert [other.wait() for other in others] == [0, 0]
    kept, _ = records.read()
    assert set(remarks) == {""}
    assert kept.pop("01.A")["tries"] == 90
    assert len(kept) == 40
    assert sorted(path.name for path in home.iterdir()) == ["progress.json", "progress.lock"]


@pytest.mark.parametrize("damage", [b"", b'{"exercises": {"00.A"', b"[1, 2]", b"\xff\xfe\x00", b'{"exercises": 3}'])
def test_a_damaged_file_is_kept_aside_and_told_once(home: Path, damage: bytes) -> None:
    home.mkdir()
    (home / "progress.json").write_bytes(damage)
    verdict = nl.check("00.A", right)
    assert verdict.passed
    assert "Your progress file was damaged; it is kept as progress-damaged-1.json" in str(verdict)
    assert (home / "progress-damaged-1.json").read_bytes() == damage
    assert records.read()[0]["00.A"]["tries"] == 1
    assert "damaged" not in str(nl.check("00.A", right))


def test_damage_in_one_entry_loses_that_entry_alone(home: Path) -> None:
    nl.check("00.A", right)
    kept = json.loads((home / "progress.json").read_text("utf8"))
    kept["exercises"]["01.A"] = {"tries": "many"}
    (home / "progress.json").write_text(json.dumps(kept), "utf8")
    progress = nl.progress()
    assert progress.done == 1
    assert "damaged" in repr(progress)
    assert "many" in (home / "progress-damaged-1.json").read_text("utf8")


def test_a_second_damaged_file_does_not_replace_the_first(home: Path) -> None:
    home.mkdir()
    for text in ("first", "second"):
        (home / "progress.json").write_text(text, "utf8")
        nl.progress()
    assert (home / "progress-damaged-1.json").read_text("utf8") == "first"
    assert (home / "progress-damaged-2.json").read_text("utf8") == "second"


def test_a_folder_that_cannot_be_used_is_a_sentence_and_the_check_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", "utf8")
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "file" / "below"))
    verdict = nl.check("00.A", right)
    assert verdict.passed
    assert "Progress is not kept" in str(verdict)
    assert "Set NLVIZ_HOME to a folder of yours" in str(verdict)
    assert nl.progress().done == 0


def test_a_lock_that_is_never_given_back_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_WAIT", 0.05)
    with records._alone():
        assert "another kernel has not let go of it" in records.note("00.A", True)
    assert records.note("00.A", True) == ""


def test_a_crash_in_the_middle_of_a_write_leaves_the_old_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nl.check("00.A", right)
    before = (home / "progress.json").read_bytes()

    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "replace", crash)
    assert "No space left on device" in records.note("01.A", False)
    assert (home / "progress.json").read_bytes() == before
    assert not list(home.glob("*.part"))


def test_without_nlviz_home_it_is_the_systems_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NLVIZ_HOME")
    assert records.folder().name == "nlviz"
    assert records.folder().is_absolute()
