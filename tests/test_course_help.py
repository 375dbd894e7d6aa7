"""Never stuck: hints, the folded solution, carrying on, the closing questions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nlviz as nl
from nlviz.course import exercise, helping

FAKE = '''# %% [markdown]
# # A fake lesson

# %% exercise="01.A"
def surprise(W: torch.Tensor, x, y):
    """Doc."""
    ### BEGIN SOLUTION
    u = torch.softmax(W @ x, dim=0)
    u[y] -= 1  # <- what was true
    return u
    ### END SOLUTION


# %% exercise="01.B"
def remember(W, x, u, lr):
    ### BEGIN SOLUTION
    return nl.Hebb(lr=lr).write(W, x, -u)[0]
    ### END SOLUTION


# %%
surprise(1, 2, 3)
'''


@pytest.fixture(autouse=True)
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course with one fake lesson, and progress kept in a folder of the test's."""
    source = tmp_path / "notebooks" / "src"
    source.mkdir(parents=True)
    (source / "01_fake.py").write_text(FAKE, "utf8")
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path))
    monkeypatch.setenv("NLVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(helping, "_given", type(helping._given)())
    return source


def unfinished(W, x, y):
    """Not begun."""
    ...


def test_hints_come_one_after_the_other_and_end_at_the_solution() -> None:
    hints = exercise.find("01.A").hints
    seen = [repr(nl.hint("01.A")) for _ in range(len(hints) + 2)]
    assert seen[: len(hints)] == [f"hint {n} of 3 for 01.A: {hint}" for n, hint in enumerate(hints, 1)]
    assert seen[len(hints)] == seen[len(hints) + 1]
    assert 'nl.solution("01.A")' in seen[-1]
    assert repr(nl.hint("01.B")).startswith("hint 1 of 3")


def test_the_solution_is_folded_and_comes_from_the_master() -> None:
    shown = nl.solution("01.A")
    assert repr(shown).startswith("solution of 01.A, surprise\n\ndef surprise(W: torch.Tensor, x, y):")
    assert repr(shown).endswith("return u")
    assert "SOLUTION" not in repr(shown)
    html = shown._repr_html_()
    assert html.startswith("<details ")
    assert "open>" not in html
    assert "# &lt;- what was true" in html


def test_carry_on_keeps_what_passes(capsys: pytest.CaptureFixture[str]) -> None:
    def mine(W, x, u, lr):
        return W - lr * torch.outer(u, x)

    assert nl.carry_on("01.B", mine) is mine
    assert capsys.readouterr().out == "01.B: going on with your own remember\n"


def test_carry_on_lends_the_solution_for_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    lent = nl.carry_on("01.A", unfinished)
    assert (
        capsys.readouterr().out == "01.A: going on with the course's surprise; yours comes in once its check passes\n"
    )
    W, x, y = exercise.find("01.A").cases(5)
    torch.testing.assert_close(lent(W, x, y), exercise.find("01.A").truth(W, x, y))


def test_what_is_lent_is_no_pass_and_no_try(tmp_path: Path) -> None:
    """Run All, then only the check's cell again: the name now belongs to the course's function."""
    surprise = nl.carry_on("01.A", unfinished)
    verdict = nl.check("01.A", surprise)
    assert verdict.status == "not written yet"
    assert "lent by nl.carry_on" in verdict.message
    assert not (tmp_path / "home").exists()


def test_without_the_lessons_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NLVIZ_PROJECT", str(tmp_path / "nowhere"))
    assert "the lessons come with the repository" in repr(nl.solution("01.A"))
    assert nl.carry_on("01.A", unfinished) is unfinished
    assert "nothing to put in its place" in capsys.readouterr().out


def test_an_exercise_without_a_cell_is_a_sentence() -> None:
    assert 'no lesson in notebooks/src has a cell with exercise="00.A"' in repr(nl.solution("00.A"))


def test_unknown_ids_are_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert "lesson 01 has 01.A, 01.B" in repr(nl.hint("01.Z"))
    assert "lesson 01 has 01.A, 01.B" in repr(nl.solution("01.Z"))
    assert nl.carry_on("01.Z", unfinished) is unfinished
    assert "lesson 01 has 01.A, 01.B" in capsys.readouterr().out
    with pytest.raises(LookupError, match="there are some in lesson 00, 01"):
        nl.questions("77")


@pytest.mark.parametrize("number", exercise.lessons())
def test_a_lesson_closes_with_five_questions_that_explain_every_choice(number: str) -> None:
    questions = nl.questions(number)
    assert len(questions) == 5
    for question in questions:
        assert question["ask"].endswith("?")
        assert 3 <= len(question["choices"]) <= 5
        assert [choice["right"] for choice in question["choices"]].count(True) == 1
        assert all(set(choice) == {"say", "why", "right"} and len(choice["why"]) > 30 for choice in question["choices"])
        assert len({choice["why"] for choice in question["choices"]}) == len(question["choices"])
    assert len({[c["right"] for c in question["choices"]].index(True) for question in questions}) > 1


def test_the_questions_are_a_copy() -> None:
    nl.questions("01")[0]["choices"].clear()
    assert nl.questions("01")[0]["choices"]
