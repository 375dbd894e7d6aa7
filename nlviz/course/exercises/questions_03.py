"""Lesson 03, the closing questions: what a memory of gradients holds, and what it is too easily credited with."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "How many gradients does momentum 0.9 remember, if 99 % of the weight counts as all, and what does "
        "this number count?",
        "choices": [
            choice(
                "10, because 1 / (1 − 0.9) = 10: all those that matter.",
                "Ten is the sum of all weights, 1 + 0.9 + 0.81 + …, and about their mean age. The last ten hold "
                "1 − 0.9¹⁰ = 65 % of the weight; the tail is long.",
            ),
            choice(
                "7: with seven the velocity is full.",
                "With seven it has the first half: 1 − 0.9⁷ = 52 %. The other half of the weight lies further back.",
            ),
            choice(
                "44: it counts weights on the tape, not what came in with them.",
                "Yes: 1 − 0.9⁴⁴ = 99.03 %, and 43 fall just short with 98.92 %. How much a gradient moves the step "
                "is its weight times its size, and sizes are not in this count.",
                right=True,
            ),
            choice(
                "44: it counts gradients that could be read back from the velocity, one by one.",
                "The count is right, but the velocity is one sum, with as many numbers as a single gradient. "
                "Which gradients went into it, it cannot say.",
            ),
        ],
    },
    {
        "ask": "Momentum is two problems, one inside the other. Which are they, and what does each of them see?",
        "choices": [
            choice(
                "Inner: the velocity, which sees gradients. Outer: the weights, which see data, through the velocity.",
                "Yes. Both tick once a step, but the weights need the velocity of the same step and have to wait for "
                "it: that makes it the inner one (Nested Learning, Definition 2).",
                right=True,
            ),
            choice(
                "Inner: the weights, which see gradients. Outer: the velocity, which lives longer.",
                "How long something lives does not decide. At equal frequency the inner one is the one whose state the "
                "other is waiting for, and the weights wait for the velocity.",
            ),
            choice(
                "Inner: the velocity, which is trained to its optimum. Outer: the weights, once that is reached.",
                "The velocity takes a single step on its problem for every gradient. The bottom of that problem lies "
                "at g / (1 − β), ten times the gradient for 0.9, and is only reached if the gradient stays the same.",
            ),
            choice(
                "Both see the same images and labels; one is a delayed copy of the other.",
                "No image ever reaches the velocity. What comes in is a gradient, already the surprise of the weights "
                "about an image.",
            ),
        ],
    },
    {
        "ask": "A velocity with momentum 0.99 has filled its tape of 459 gradients. The labels change, and within a "
        "step or two it points the right way again. How can that be?",
        "choices": [
            choice(
                "The old gradients have faded by then.",
                "They have not: after two steps each still has 98 % of the weight it had when the labels changed. "
                "Weights are not what decides here.",
            ),
            choice(
                "The new gradients are far larger than the old ones were when their task was nearly learned.",
                "Yes. What counts is weight times size, and the new ones were six times larger. With every gradient "
                "at length 1 the same velocity walked the wrong way for some thirty steps.",
                right=True,
            ),
            choice(
                "The velocity notices the change and lets go of what is old.",
                "Nothing in it notices anything. Every step multiplies by 0.99 and adds what comes in, "
                "before the change as after it.",
            ),
            choice(
                "459 is wrong: such a velocity holds one or two gradients.",
                "459 is right, 1 − 0.99⁴⁵⁹ is just above 99 %. It says how weights fade, and nothing about the sizes "
                "of what is weighted.",
            ),
        ],
    },
    {
        "ask": "With lr 0.05, a layer with momentum 0.9 learns faster than one without. What does that say about "
        "its memory of gradients?",
        "choices": [
            choice(
                "The memory helps: the rate was the same, so nothing else differed.",
                "The rate in effect differed. Under a gradient that stays, the steps with momentum grow to "
                "lr / (1 − 0.9) = 0.5 times the gradient, ten times those without.",
            ),
            choice(
                "The memory is of no use: momentum is a larger rate and nothing more.",
                "Too quick. In a long, narrow valley plain descent cannot take the larger rate, the steep walls would "
                "throw it out. There the memory does what no rate can do.",
            ),
            choice(
                "It would say that the memory helps, if there had been ten seeds.",
                "Seeds tell whether the difference is there. It is; but ten of them cannot say whether it comes from "
                "the memory or from the larger steps.",
            ),
            choice(
                "Nothing yet: plain descent should first be tried at the rate momentum has in effect, 0.5.",
                "Yes: compare at equal lr / (1 − β), or with the best rate for each. The lead on digits goes away; "
                "the one in a narrow valley stays, and is the memory's.",
                right=True,
            ),
        ],
    },
    {
        "ask": "The learning rate may stand outside the velocity, w ← w − lr v, or inside, v ← βv + lr g. A scheduler "
        "cuts it to a tenth while the gradients stay as they are. What happens to the steps?",
        "choices": [
            choice(
                "In both they are a tenth from the next step on: the two are one method, written twice.",
                "They are the same as long as the rate stands still. After the cut, the velocity with the rate inside "
                "is still full of gradients that came in at the old rate.",
            ),
            choice(
                "Outside: a tenth at once. Inside: they shrink gradually, as the old gradients fade.",
                "Yes. Inside, a gradient keeps the rate it came in with, and for 0.9 it takes about 44 steps until the "
                "old ones hold no more than 1 % of the weight. torch.optim.SGD has the rate outside.",
                right=True,
            ),
            choice(
                "Outside: they shrink gradually, since the velocity has to fade first. Inside: a tenth at once.",
                "The other way round. Outside, the velocity knows nothing of the rate, and the next step is already "
                "multiplied by the new one.",
            ),
            choice(
                "Outside, nothing: the velocity does not depend on the rate.",
                "The velocity indeed does not. But the weights move by lr times it, and lr is a tenth.",
            ),
        ],
    },
]
