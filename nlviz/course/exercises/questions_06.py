"""Lesson 06, the closing questions: what a rewritten memory says, what it spares, and what it does not."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "Sixteen names stand under keys of norm 1, all at right angles to each other. In each of eight weeks "
        "every one of them gets a new job. Hebb's rule with lr 1 has written it all, and forgotten nothing. "
        "What does it answer for a name?",
        "choices": [
            choice(
                "The latest job: a new value under an old key takes the place of the old one.",
                "That is the delta rule with lr 1. Hebb's rule does not look at what stands there, "
                "so nothing takes the place of anything.",
            ),
            choice(
                "The sum of all eight jobs of this name, in which the latest weighs no more than the first.",
                "Yes, exactly their sum, and nothing of the other names. Among all jobs ever written it points most to "
                "the latest in about one case of nine; the order in which they came is not in it.",
                right=True,
            ),
            choice(
                "A blur of all jobs of all names.",
                "Keys at right angles do not hear of each other: no job of another name is in the answer. "
                "The blur is made of this name's own past.",
            ),
            choice(
                "Mostly the first job: what came first sits deepest.",
                "A sum does not know what came first. Every one of the eight is in it with weight 1.",
            ),
        ],
    },
    {
        "ask": "64 pairs with random keys of 32 features, each written once, lr 1. Hebb's answers point to the right "
        "value more often, 0.83 against 0.44 with the delta rule. But its squared error is larger, 1.97 against 1.06. "
        "What do the two measures disagree about?",
        "choices": [
            choice(
                "About who is right: with more pairs than features one of them must mislead.",
                "Neither misleads. One asks which value is meant, the other how far the answer is from it, "
                "and an answer may point well and be far away.",
            ),
            choice(
                "About loudness: the squared error hears how long an answer is, top-1 does not.",
                "Yes. In Hebb's answer the right value has weight 1, in noise of squared length nearly 2. With "
                "lr 1/3 the same answers are shorter: the error falls to 0.66, below that of the delta rule, and top-1 "
                "stays.",
                right=True,
            ),
            choice(
                "About what is stored: Hebb knows only directions, the delta rule knows the values.",
                "Then no rate could help Hebb. With lr 1/3 its squared error is 0.66, "
                "smaller than the 1.06 of the delta rule with lr 1.",
            ),
            choice(
                "About age: top-1 counts what is new, the squared error what is old.",
                "Both count all pairs alike. It is the delta rule that treats them by age: with lr 1 it points out "
                "0.77 of the newer half and 0.14 of the older, where Hebb has 0.83 of both.",
            ),
        ],
    },
    {
        "ask": "A key has norm 2, the rate is 1, and the same pair is written again and again by the delta rule. What "
        "does the memory say at this key?",
        "choices": [
            choice(
                "The value, from the first write on: with lr 1 a line is rewritten whole.",
                "With a key of norm 1. A tile is read with the key it was written with, so that what comes back has "
                "its squared norm, 4, as a factor.",
            ),
            choice(
                "It overshoots at first and settles at the value.",
                "That happens while lr times the squared norm is between 1 and 2: the error changes sign and shrinks. "
                "Here the product is 4.",
            ),
            choice(
                "Ever wilder numbers: at every write the error turns round and becomes three times as large.",
                "Yes: a write leaves 1 − lr ‖k‖² of the error, here −3; from an empty memory one reads 4, −8, 28 times "
                "the value. Keys of norm 1 are the cure; then lr 1 leaves 0, and lr 2 is the edge, −1: it swings for "
                "ever.",
                right=True,
            ),
            choice(
                "Twice the value: the answer grows with the key.",
                "At first even four times, and that is where it does not stay: the next write meets an error of −3 "
                "times the value, and overshoots again.",
            ),
        ],
    },
    {
        "ask": "Two keys of norm 1 have the cosine 0.8. The delta rule with lr 1 writes first (k₁, v₁), then (k₂, v₂), "
        "into an empty memory. What does it say at k₁?",
        "choices": [
            choice(
                "v₁: only the line of k₂ was rewritten.",
                "A line is not a place of its own. Whatever is written under k₂ is read under k₁ as well, "
                "times their cosine; only keys at right angles are spared.",
            ),
            choice(
                "v₁ + 0.8 v₂",
                "That is Hebb's rule: it writes v₂ whole. The delta rule reads 0.8 v₁ at k₂ first, "
                "and takes that off with the same write.",
            ),
            choice(
                "0.2 v₁ + 0.8 v₂",
                "Nearly. That would be so if the memory had said v₁ at k₂. It said 0.8 v₁ there, "
                "so a little less is taken off.",
            ),
            choice(
                "0.36 v₁ + 0.8 v₂",
                "Yes: at k₂ it said 0.8 v₁, so v₂ − 0.8 v₁ is written, and 0.8 of this is read at k₁. "
                "The first fact is nearly gone, although nobody has contradicted it.",
                right=True,
            ),
        ],
    },
    {
        "ask": "Sixteen names under random keys of 32 features are told once. Then eight of them get a new job in each "
        "of eight weeks, and nobody speaks of the others. For the eight, Hebb's rule with keep 0.9 names the latest "
        "job as often as the delta rule, 0.99. Is forgetting as good as rewriting?",
        "choices": [
            choice(
                "No: it forgets by the clock. Of the eight silent names it knows 0.00, the delta rule 0.92.",
                "Yes. After 64 writes there is 0.9⁶⁴, a thousandth, left of a fact, whether it still holds or not. "
                "The delta rule takes off what is contradicted, and of the others only what lies under similar keys.",
                right=True,
            ),
            choice(
                "Yes: both keep what is new and lose what is old; the rest is a matter of taste.",
                "What is old and what is no longer true are two things. "
                "A fact that nobody mentions may hold for years.",
            ),
            choice(
                "Yes, with a better keep: 0.98 instead of 0.9.",
                "That moves along a trade. With 0.98 it knows 0.21 of the silent names, and of the changing ones 0.45: "
                "their old jobs fade too slowly now.",
            ),
            choice(
                "No: the delta rule forgets nothing, so it is better everywhere.",
                "It does forget: 0.92 is not 1, for a write under one key disturbs all that are like it. And on 64 "
                "random keys in a single pass it was Hebb who pointed better.",
            ),
        ],
    },
]
