"""Lesson 12, the closing questions: what brings a learner home, what the clock has to do with it, what may be said."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "After an excursion your learner is nearly all right again with the second batch at home. "
        "What does it know that plain descent does not?",
        "choices": [
            choice(
                "That it is home again: the surprise tells it so.",
                "A surprise says that what was answered is wrong, no more. It fires on leaving and on returning alike, "
                "and what follows is the same.",
            ),
            choice(
                "What the images of home look like.",
                "They look the same abroad: the same digits with other names. Nothing in x tells the two apart.",
            ),
            choice(
                "Where to start from when it is surprised: a slow copy in which what repeats has gathered.",
                "Yes. The copy learned from home and from every excursion, a tenth at a time; excursions contradict "
                "one another and home does not. So home is what is left in it.",
                right=True,
            ),
            choice(
                "What the slow levels, with their periods of 4 and 16, have not yet forgotten.",
                "Without the restart the same levels with the same periods do worse than plain descent. "
                "They are part of the network, not a place to go back to.",
            ),
        ],
    },
    {
        "ask": "In the first batch after a return yours is wrong about as often as plain descent: more than four times "
        "in five. What would help?",
        "choices": [
            choice(
                "To be told, by somebody or something that is not in this stream.",
                "Yes. The images are the same at home and away, and the batch is asked before its labels come. Before "
                "them nothing says that the world has changed back: no learner that does not count batches can do "
                "better.",
                right=True,
            ),
            choice(
                "A larger step at the restart.",
                "The restart comes after the first labels, whatever its size, and this batch was asked before them.",
            ),
            choice(
                "A lower threshold of surprise.",
                "A threshold on a loss needs a loss, and the loss needs the labels that come after the answers. "
                "A lower one fires at ordinary batches, too.",
            ),
            choice(
                "A shorter period of the slow levels.",
                "With all periods 1 the first batch is as wrong as before. "
                "No clock hears the labels of a batch before they come.",
            ),
        ],
    },
    {
        "ask": "Periods 1, 4, 16 against period 1 everywhere, at the same rates and with the same gate: "
        "they tie within a hundredth. What have the slow clocks bought?",
        "choices": [
            choice(
                "Less forgetting: what is written seldom is overwritten seldom.",
                "The sums carry as much as the single writes did, only later; after one batch at home both have "
                "forgotten alike. The protection comes from the copy and the gate.",
            ),
            choice(
                "Nothing at all, so they should be left out.",
                "In this table they buy no accuracy. But 75 writes instead of 1,200 to most of the weights is "
                "something wherever a write costs: storage that wears, weights that must be sent.",
            ),
            choice(
                "A better start for the fast level.",
                "The fast level starts from its own slow copy, in both rows of the table. The copy learns by surprise, "
                "not by the clock.",
            ),
            choice(
                "The same accuracy for sixteen times fewer writes of the slowest level.",
                "Yes, and that is all that may be said. Period 1 with a rate ratio of its own does a little better.",
                right=True,
            ),
        ],
    },
    {
        "ask": "The elastic twin has no gate and no clock that matters: at every step its fast weights give way a "
        "little to a slow copy. It, too, makes far fewer errors than descent. What is left for the surprise?",
        "choices": [
            choice(
                "Nothing: a pull towards a slow copy is all there is to it.",
                "It is most of the gain in the running score. But look at the return: after one batch at home the twin "
                "is still wrong on about half of what it knew.",
            ),
            choice(
                "The return: after one batch at home the gate has lost about a tenth of what was known, the twin half.",
                "Yes. A pull of a twenty-fourth a step needs many steps to come home; an open gate needs one. "
                "The running score hides that, so report both.",
                right=True,
            ),
            choice(
                "Plasticity: the twin is slow abroad.",
                "It is not: abroad it is about as good as the gate, and far better than descent. "
                "What a steady pull cannot do is to let go all at once.",
            ),
            choice(
                "Stability: the twin forgets home for good.",
                "It comes back as well, within some five batches. The question is how soon, not whether.",
            ),
        ],
    },
    {
        "ask": "On ten fresh seeds your learner makes 0.54 ± 0.02 errors for each one of descent. The settings "
        "came from other seeds. Which sentence claims no more than was measured?",
        "choices": [
            choice(
                "Learners with levels and clocks forget half as much.",
                "The ratio is of errors in a running score, not of forgetting; and with levels and clocks alone, "
                "without the gate, the ratio is above 1.",
            ),
            choice(
                "In 95 % of such streams the ratio lies between 0.52 and 0.56.",
                "That is the range of single streams, which is wider. The interval is for their *mean*.",
            ),
            choice(
                "It solves catastrophic forgetting on digits.",
                "On excursions that only rearrange pixels it makes more errors than descent, and so it does where home "
                "was never mastered. You have drawn both.",
            ),
            choice(
                "Where the labels contradict home for a while and nobody says when, it makes about half the errors.",
                "Yes: the stream, the measure and the baseline are in it, and you have seen where it stops being true.",
                right=True,
            ),
        ],
    },
]
