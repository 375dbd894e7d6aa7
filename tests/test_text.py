"""Texts: what is tested was never trained on; and the n-grams that every model stands beside."""

from __future__ import annotations

import math
import sysconfig
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

import nlviz as nl
from nlviz.tasks.text import split, without_shared

SMALL = 200_000


@pytest.fixture(scope="module")
def texts():
    tasks = nl.tasks
    coded = [make(most=SMALL) for make in (tasks.python_source, tasks.cpp_headers, tasks.javascript)]
    return {text.name: text for text in (tasks.english(), *coded)}


@pytest.fixture(scope="module")
def english(texts):
    return texts["English"]


def as_bytes(part):
    return part.numpy().tobytes()


@pytest.mark.parametrize("name", ["English", "Python", "C++", "JavaScript"])
def test_no_64_bytes_in_a_row_stand_in_both_parts(texts, name):
    train, test = as_bytes(texts[name].train), as_bytes(texts[name].test)
    learned = {train[i : i + 64] for i in range(len(train) - 63)}
    assert not any(test[i : i + 64] in learned for i in range(len(test) - 63))


@pytest.mark.parametrize("name", ["English", "Python", "C++", "JavaScript"])
def test_no_document_is_in_both_parts_and_the_shares_are_as_asked(texts, name):
    text = texts[name]
    assert not set(text.train_documents) & set(text.test_documents)
    assert text.train.dtype == text.test.dtype == torch.uint8
    assert 0.07 < len(text.test) / (len(text.test) + len(text.train)) < 0.14
    assert text.chance == 8.0


def test_splitting_by_topic_alone_would_have_leaked():
    """One topic of Python's manual stands in another: the reason for taking passages out."""
    from pydoc_data.topics import topics

    for seed in range(5):
        text = nl.tasks.english(seed=seed)
        train = "\n\n".join(topics[name] for name in text.train_documents).encode()
        test = as_bytes(text.test)
        blocks = [test[i : i + 64] for i in range(0, len(test) - 63, 64)]
        share = sum(block in train for block in blocks) / len(blocks)
        assert 0.2 < share < 0.6  # 0.50, 0.28, 0.33, 0.24, 0.45 in Python 3.11.7


def test_another_seed_is_another_split_and_the_same_seed_the_same(english):
    again, other = nl.tasks.english(), nl.tasks.english(seed=1)
    assert torch.equal(again.train, english.train)
    assert torch.equal(again.test, english.test)
    assert set(other.test_documents) != set(english.test_documents)
    assert again.about == english.about
    assert other.about["sha256"] != english.about["sha256"]


def test_shared_passages_go_and_the_rest_stays():
    letters = torch.randint(255, (5_000,), generator=torch.Generator().manual_seed(0)).to(torch.uint8).numpy()
    line_break, between = np.array([10], np.uint8), np.array([255], np.uint8)
    shared = [letters[1000:1064], letters[2000:2300], letters[4950:]]  # 64, 300 and 50 in a row
    other = np.concatenate([part for passage in shared for part in (between, passage)])
    kept = without_shared(letters, other)
    expected = [letters[:1000], line_break, letters[1064:2000], line_break, letters[2300:]]
    np.testing.assert_array_equal(kept, np.concatenate(expected))
    np.testing.assert_array_equal(without_shared(letters[:50], other), letters[:50])


def test_what_cannot_be_split_is_said():
    pages = [("one", b"some words"), ("two", b"more words")]
    with pytest.raises(ValueError, match="a book: test is the share of bytes kept apart"):
        split(pages, "a book", seed=0, test=1.0)
    with pytest.raises(ValueError, match=r"a book: 2 documents cannot be split with test=0.2"):
        split(pages, "a book", seed=0, test=0.2)
    with pytest.raises(ValueError, match="most is how many bytes"):
        nl.tasks.python_source(most=0)


def test_javascript_that_is_not_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"is not there; type: pip install 'nlviz\[course\]'"):
        nl.tasks.javascript()
    with pytest.raises(FileNotFoundError, match="there is no file of it in"):
        nl.tasks.python_source()


def test_an_exam_foretells_every_byte_but_the_first_once(english):
    windows = torch.cat(english.exam(length=100, batch=7))
    assert windows.shape[1] == 101
    told = windows[:, 1:].flatten()
    assert torch.equal(told, english.test[1 : 1 + len(told)].long())
    assert len(english.test) - 1 - len(told) < 100
    assert torch.equal(windows[1:, 0], windows[:-1, -1])
    with pytest.raises(ValueError, match="does not fit into the part of 'English' kept apart"):
        english.exam(length=1_000_000)


def test_a_stream_gives_windows_of_the_training_part_the_same_from_any_position(english):
    stream = nl.tasks.byte_stream(english, steps=20, batch=3, length=50, seed=4)
    steps = list(stream)
    assert len(steps) == len(stream) == 20
    assert torch.equal(stream[13], steps[13])
    train = as_bytes(english.train)
    for window in torch.cat(steps):
        assert bytes(window.tolist()) in train
    same = nl.tasks.byte_stream(english, steps=20, batch=3, length=50, seed=4)
    other = nl.tasks.byte_stream(english, steps=20, batch=3, length=50, seed=5)
    assert torch.equal(same[7], steps[7])
    assert not torch.equal(other[7], steps[7])
    with pytest.raises(IndexError):
        stream[20]


def test_windows_begin_anywhere(english):
    stream = nl.tasks.byte_stream(english, steps=500, batch=20, length=50)
    share = stream.start.double() / (len(english.train) - 50)
    assert 0.48 < share.mean() < 0.52
    assert share.min() < 0.01
    assert share.max() > 0.99
    tiny = split([("a", b"0123456789"), ("b", b"x")], "tiny", seed=0, test=0.2)
    every = nl.tasks.byte_stream(tiny, steps=200, batch=1, length=7).start
    assert set(every.flatten().tolist()) == {0, 1, 2}  # the first, the last and the one between


def test_domains_change_when_the_record_says_so_and_a_learner_gets_bytes_only(texts):
    phases = [(texts["English"], texts["Python"]), (texts["C++"], texts["JavaScript"])]
    stream = nl.tasks.changing_domains(phases, each=40, batch=6, length=32)
    assert stream.domains == ["English", "Python", "C++", "JavaScript"]
    assert stream.name == "English and Python, then C++ and JavaScript"
    assert stream.ends.nonzero().flatten().tolist() == [40]
    assert set(stream.domain[:40].flatten().tolist()) == {0, 1}
    assert set(stream.domain[40:].flatten().tolist()) == {2, 3}
    parts = [as_bytes(text.train) for text in stream.texts]
    for step in (0, 39, 40, 79):
        assert stream[step].shape == (6, 33)
        for window, domain in zip(stream[step], stream.domain[step].tolist(), strict=True):
            assert bytes(window.tolist()) in parts[domain]
    assert torch.equal(stream.exam(2)[0], texts["C++"].exam(32)[0])
    with pytest.raises(ValueError, match="1 or more; got 0"):
        nl.tasks.changing_domains([()], each=3)


def test_witten_bell_by_hand():
    """abababac: a four times, b three, c once; after a came b three times and c once; after b always a."""
    learned = np.frombuffer(b"abababac", np.uint8)
    low = Fraction(1, 256)
    a, b, c = ((n + 3 * low) / (8 + 3) for n in (4, 3, 1))
    z = 3 * low / (8 + 3)
    by_hand = {
        (b"aba", 0): [a, b, a],
        (b"aba", 1): [a, (3 + 2 * b) / 6, (3 + 1 * a) / 4],
        (b"ac", 1): [a, (1 + 2 * c) / 6],
        (b"za", 1): [z, a],  # z was never seen, so the next is told without it
        (b"aba", 2): [a, (3 + 2 * b) / 6, (3 + (3 + a) / 4) / 4],
    }
    for (asked, order), chances in by_hand.items():
        bits = nl.lab.ngram_bits(learned, np.frombuffer(asked, np.uint8), order)
        np.testing.assert_allclose(bits, [-math.log2(chance) for chance in chances], rtol=1e-12)


def test_witten_bell_is_the_sum_over_dictionaries(english):
    """The same counts, kept by somebody who knows no arrays."""
    learned, asked = as_bytes(english.train)[:20_000], as_bytes(english.test)[:400]

    def chance(byte, context):
        below = 1 / 256 if not context else chance(byte, context[1:])
        follow = Counter(
            learned[i + len(context)]
            for i in range(len(learned) - len(context))
            if learned[i : i + len(context)] == context
        )
        total = sum(follow.values())
        return (follow[byte] + len(follow) * below) / (total + len(follow)) if total else below

    bits = nl.lab.ngram_bits(np.frombuffer(learned, np.uint8), np.frombuffer(asked, np.uint8), order=3)
    for i in (0, 1, 2, 3, 50, 399):
        assert bits[i] == pytest.approx(-math.log2(chance(asked[i], asked[max(0, i - 3) : i])), rel=1e-12)


def test_the_chances_of_all_bytes_after_a_context_sum_to_one(english):
    learned = english.train.numpy()
    for context in (b"the", b"q\x00\x01", b"ing"):
        nexts = np.frombuffer(b"".join(context + bytes([byte]) for byte in range(256)), np.uint8)
        assert (2.0 ** -nl.lab.ngram_bits(learned, nexts, order=3)[3::4]).sum() == pytest.approx(1.0)


def test_more_context_tells_more_of_english_and_all_tell_more_than_chance(english):
    trace = nl.lab.ngram_table(english)
    bits = trace["bits per byte"]
    assert trace.along("order") == [0, 1, 2, 3]
    assert (np.diff(bits) < 0).all()
    assert bits[0] < english.chance
    with pytest.raises(ValueError, match="order is how many bytes"):
        nl.lab.ngram_table(english, orders=[-1])
    with pytest.raises(ValueError, match=r"text.train.numpy\(\)"):
        nl.lab.ngram_bits(np.zeros(3), np.zeros(3), order=0)
