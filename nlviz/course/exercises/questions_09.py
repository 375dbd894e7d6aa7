"""Lesson 09, the closing questions: which knob does what, and what is too easily said of a slow clock."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "A for 400 steps, B for 40, then silence. A fast level (rate 0.8, keeps 0.95 of itself a step) stands "
        "beside a slow one (rate 0.15, keeps everything, writes every 8 steps), and A comes back. What brings it back?",
        "choices": [
            choice(
                "The slow level's clock: it ticks so seldom that little of B gets into it.",
                "All of B gets into it, as sums: it hears every error, only later. With a clock of 1 instead of 8 the "
                "recovery is the same, 0.45.",
            ),
            choice(
                "The slow level goes on learning A in the silence.",
                "From what? Where nothing is said there is no error, and nothing is written. What the slow level holds "
                "does not change while A comes back.",
            ),
            choice(
                "Both levels fade in the silence, and of A there was ten times more.",
                "The slow level keeps everything. If it faded like the fast one, both would go to zero, and the end "
                "would be neither A nor B.",
            ),
            choice(
                "The fast level forgets B, and what the slow level has kept of A comes to the surface.",
                "Yes: the fast level's retention and the slow level's rate. If the fast level keeps everything, B "
                "stays for ever; if the slow one has learned too little, there is nothing to come back to.",
                right=True,
            ),
        ],
    },
    {
        "ask": "The slow level beside the fast one now writes every 32 steps instead of at every step. It sums its "
        "errors, and its rate stays as it is. What does that buy?",
        "choices": [
            choice(
                "It forgets less, because it is touched less often.",
                "It is touched less often, but with the sum of all that came: as much of B gets in. And `keep` counts "
                "by steps, so its half-life does not depend on the clock.",
            ),
            choice(
                "17 writes instead of 560 for nearly the same end; what it costs is lateness.",
                "Yes: the recovery changes by less than 0.02. But what is said reaches the slow level up to 31 steps "
                "late, and a clock longer than B misses it while it lasts.",
                right=True,
            ),
            choice(
                "A smaller learning rate, and so more stability.",
                "That would be so with a mean. A sum lets every error in at full rate, "
                "31 of 32 of them later than before.",
            ),
            choice(
                "The computation of the errors in between, which are not needed now.",
                "They are needed: each of them is in the sum. Who skips them takes only the last error before the "
                "tick, and loses most of the lesson.",
            ),
        ],
    },
    {
        "ask": "A slow clock of 16 that writes the mean of its errors: the recovery falls from 0.45 to 0.09. Summing "
        "them, it stays at 0.44. What did the clock do to the recovery?",
        "choices": [
            choice(
                "Much: it was the only thing that was moved, and the recovery fell to a fifth.",
                "Under a mean, moving the clock moves the rate in effect as well: 16 errors count for as much as one. "
                "Two things were moved.",
            ),
            choice(
                "Much: a mean averages out the noise that a sum would keep.",
                "Mean and sum point in the same direction, whatever the noise. They differ in length, by the factor "
                "16: that is a rate.",
            ),
            choice(
                "Nothing: a mean over 16 steps is their sum with a sixteenth of the rate, and that is what did it.",
                "Yes. A clock of 1 with a sixteenth of the rate ends at 0.09 as well, and 16 times the rate brings the "
                "0.44 back. It was a rate, in the costume of a clock.",
                right=True,
            ),
            choice(
                "Nothing: a mean throws away all errors but the last, and that is what did it.",
                "All 16 are in the mean, each with a sixteenth. Keeping only the last error is another thing, "
                "a control in this lesson.",
            ),
        ],
    },
    {
        "ask": "Three linear levels share one error, tick together and forget nothing; their rates are 0.1, 0.2 and "
        "0.05. They learn better than one level with rate 0.1. What has been shown?",
        "choices": [
            choice(
                "That a larger rate would have helped: the three are one level with rate 0.35.",
                "Yes: every level adds the same sum, each times its own rate, and only the sum of the levels is ever "
                "read. Compare with 0.35, and the difference is rounding.",
                right=True,
            ),
            choice(
                "That three memories hold more than one.",
                "Three matrices are stored, but only their sum is ever read, and that is one matrix. Begun at zero and "
                "taught alike, they even are multiples of each other.",
            ),
            choice(
                "That the levels divide the work, each learning what suits its rate.",
                "All of them hear the same tile at the same step. Nothing tells them apart but the factor they "
                "multiply it with.",
            ),
            choice(
                "That the slow level protects what the fast one would overwrite.",
                "No level here is slow: they tick together. And an overwritten answer is overwritten: what counts is "
                "the sum, and in it nothing is kept apart.",
            ),
        ],
    },
    {
        "ask": "A drifting encoder makes the keys of a fast memory, and in this setting the tick itself wins. "
        "What makes it worth something there?",
        "choices": [
            choice(
                "The rhythm: a steady beat lets the memory settle between two moves.",
                "Ticks at random times, equally many, do as well to within a hundredth. "
                "There need be plateaus; they need not be equally long.",
            ),
            choice(
                "The fast memory is rebuilt at the tick, with the keys that will hold until the next one.",
                "Yes. Held still, the encoder keeps every key of the plateau exactly right, and the rebuild puts all "
                "items onto this plateau. Neither half does it alone.",
                right=True,
            ),
            choice(
                "Holding still: keys that do not move cannot be wrong.",
                "Within a plateau. At the tick all older keys go wrong at once, and if nothing is rebuilt then, most "
                "of the advantage is gone; under a slow drift it turns into a loss.",
            ),
            choice(
                "The re-writes: sixteen items are stored anew in every period.",
                "All the ways it was compared with may do that. Spent one by one on the way, or all at once under an "
                "encoder that goes on moving, the same sixteen re-writes lose.",
            ),
        ],
    },
]
