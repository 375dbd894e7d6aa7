"""Lesson 00, the self-test: what one brings along. The explanations say what to refresh."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "W has 3 rows and 2 columns, x has 2 entries. What is W x?",
        "choices": [
            choice(
                "3 numbers: each row of W times x, summed.",
                "Yes. A matrix takes one number a column and gives one a row.",
                right=True,
            ),
            choice(
                "2 numbers: each column of W times x, summed.",
                "That would be Wᵀ applied to something with 3 entries. Refresh: matrix times vector.",
            ),
            choice(
                "A table of 3 × 2 numbers.",
                "Each entry of W times an entry of x is such a table; W x also sums every row of it. "
                "Refresh: matrix times vector.",
            ),
            choice("An error: the shapes do not fit.", "They fit: x has as many entries as W has columns."),
        ],
    },
    {
        "ask": "What is the derivative of (3 − w)² with respect to w, at w = 1?",
        "choices": [
            choice("4", "It has the right size. The inner part, 3 − w, falls when w grows: that turns the sign."),
            choice("−4", "Yes: 2 · (3 − w) · (−1) = −4. The error shrinks when w grows.", right=True),
            choice("2", "That is 3 − w, the error itself. Refresh: the derivative of a square, and the chain rule."),
            choice("−2", "The factor 2 of the square is missing. Refresh: the derivative of a square."),
        ],
    },
    {
        "ask": "The derivative of a loss with respect to a weight is −4. Which change of this weight makes the "
        "loss smaller?",
        "choices": [
            choice(
                "A small increase.",
                "Yes: the loss changes by about −4 times the change. Gradient descent subtracts the gradient, "
                "and here that means adding.",
                right=True,
            ),
            choice(
                "A small decrease.",
                "With a derivative of −4 a decrease makes the loss grow. Descent goes against the gradient's sign.",
            ),
            choice(
                "Any change, if it is small enough.",
                "Small is needed, but so is the direction: the other one climbs, however small the step.",
            ),
            choice(
                "None: a negative derivative means the loss is at its lowest.",
                "At its lowest the derivative is 0. The sign says which way is down, not how far one is.",
            ),
        ],
    },
    {
        "ask": "x = torch.zeros(5, 8). What is x[2].shape?",
        "choices": [
            choice("(8,)", "Yes: x[2] is row number 2, the third, and a row has 8 entries.", right=True),
            choice("(5,)", "That is a column, x[:, 2]. The first index counts rows."),
            choice("(1, 8)", "That is x[2:3], which keeps the axis. A single index takes the axis away."),
            choice("()", "One index takes one axis away, and x has two. Refresh: indexing tensors or numpy arrays."),
        ],
    },
    {
        "ask": "Two methods were compared with one random seed each: A reached 84 %, B reached 82 %. What do you know?",
        "choices": [
            choice("A is better.", "It was, this time. With another seed the order may turn."),
            choice(
                "Too little: how much do the results of one method differ from seed to seed?",
                "Yes. This course runs several seeds, gives an interval, and compares both methods on the same seeds.",
                right=True,
            ),
            choice(
                "They are equally good: 2 % is nothing.",
                "That is not known either. If runs differ by a tenth of a percent, 2 % is a lot.",
            ),
            choice(
                "A is better, if both had the same seed.",
                "The same seed makes the comparison fairer, but it is still one draw.",
            ),
        ],
    },
]
