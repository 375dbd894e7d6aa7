"""The report card: a claim passes with its whole interval or not at all, and says so in one line."""

from __future__ import annotations

import pytest

from nlviz.lab import Claim, ReportCard

NEAR_HALF = [0.45, 0.5, 0.55]  # 0.500 ± 0.124


@pytest.mark.parametrize(
    ("ends", "passes"),
    [
        (dict(below=0.63), True),
        (dict(below=0.62), False),  # the mean lies below, the interval does not
        (dict(above=0.37), True),
        (dict(above=0.38), False),
        (dict(above=0.3, below=0.7), True),
        (dict(above=0.3, below=0.6), False),
    ],
)
def test_the_whole_interval_has_to_lie_on_the_side_that_was_claimed(ends, passes):
    claim = Claim("a ratio", NEAR_HALF, **ends)
    assert claim.passed is passes
    assert repr(claim).startswith("pass " if passes else "not yet ")


def test_what_is_no_number_passes_nothing():
    assert not Claim("a ratio", [0.5, float("nan"), 0.5], below=1.0).passed


def test_a_line_has_the_claim_the_number_its_interval_and_what_was_asked():
    line = repr(Claim("fewer errors", NEAR_HALF, above=0.25, below=0.75))
    assert line == "pass     fewer errors: 0.500 ± 0.124, asked is above 0.25 and below 0.75"


def test_a_card_counts_what_passes_and_over_how_many_seeds():
    card = ReportCard([Claim("one", NEAR_HALF, below=1), Claim("other", [0.5] * 20, below=0.1)])
    assert card.passed == 1
    assert repr(card).splitlines()[-1] == "1 of 2 claims pass, each with its whole 95 % interval over 3 or 20 seeds"


def test_one_seed_is_no_claim():
    with pytest.raises(ValueError, match="two seeds"):
        repr(Claim("an anecdote", [0.5], below=1))
