"""Lesson 01, the closing questions: five things that are easily believed and not so."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "The layer gives the right answer to an image, and is all but certain. What does one gradient step "
        "store about this image?",
        "choices": [
            choice(
                "All of it: every image is written once, as a row of the memory.",
                "The image is the key of what is written, but it is written with the strength of the surprise, and "
                "that is nearly zero here.",
            ),
            choice(
                "Next to nothing: the tile u xᵀ is as faint as the surprise u.",
                "The surprise is what was said minus what was true. The two nearly agree, so the tile has almost no "
                "ink. With softmax it is never quite zero: certainty is never complete.",
                right=True,
            ),
            choice(
                "The label, so that the right answer becomes firmer.",
                "A push towards the label is there, but it has the size of what is still missing to certainty: "
                "1 minus the probability of the label. That is nearly nothing.",
            ),
            choice(
                "As much as about any other image; only the learning rate decides.",
                "The rate scales all tiles alike. How they differ is decided by the surprise and by the length of x.",
            ),
        ],
    },
    {
        "ask": "Read the step W ← W − lr u xᵀ as a write into a memory. What are key and value?",
        "choices": [
            choice(
                "Key: the input x. Value: the label.",
                "The label alone is never written. What is written also depends on what the layer said: "
                "a label it expected leaves no trace.",
            ),
            choice(
                "Key: the input x. Value: the surprise u.",
                "Nearly, but the sign counts. With +u the layer would say at x even more of what was wrong.",
            ),
            choice(
                "Key: the input x. Value: −u, the surprise with its sign turned.",
                "Yes: after the step W says at x what it said before, minus lr ‖x‖² u. It moves against its error.",
                right=True,
            ),
            choice(
                "Key: the surprise u. Value: the input x.",
                "The tile u xᵀ is added to a memory that is read with inputs, W x. So x is the key; the value is what "
                "comes out.",
            ),
        ],
    },
    {
        "ask": "A layer with 10 outputs and 64 inputs takes T steps, one example each. What is the rank of one "
        "update, and what can the rank of all T together be?",
        "choices": [
            choice(
                "One; and together one as well, because every update has rank one.",
                "Ranks do not stay: u₁ x₁ᵀ + u₂ x₂ᵀ has rank two unless the x or the u are parallel.",
            ),
            choice(
                "One; and together at most T, but never more than 10.",
                "A sum of T tiles has rank T at most, and a 10 × 64 matrix has rank 10 at most. With softmax it is "
                "even 9: the entries of every surprise sum to zero, so one direction of the outputs is never written.",
                right=True,
            ),
            choice(
                "One; and together exactly T, however many steps there are.",
                "A 10 × 64 matrix cannot have a rank above 10. From then on tiles are written over each other.",
            ),
            choice(
                "Ten, one for every output; and together ten.",
                "Every row of one update is a multiple of the same x: that is rank one, for any number of outputs.",
            ),
        ],
    },
    {
        "ask": "“One gradient step is the exact solution of a small memory problem.” What must the loss inside "
        "this problem be, for the step to be exact?",
        "choices": [
            choice(
                "The loss as it is, for example cross-entropy.",
                "This is another step, the implicit one: it asks for the gradient at the place where one arrives. "
                "It comes close to the gradient step for a small rate only.",
            ),
            choice(
                "The loss made linear at W, plus ‖W′ − W‖² / (2 lr), the price of moving away.",
                "Yes: ⟨W′x, u⟩ with u held fixed is linear in W′. Set the gradient of the sum to zero and "
                "W′ = W − lr u xᵀ comes out, for any rate and any loss that has this u.",
                right=True,
            ),
            choice(
                "Any convex loss.",
                "Convex is not enough. Cross-entropy is convex in W, and its own minimum with the price added is not "
                "the gradient step.",
            ),
            choice(
                "The loss made linear at W, and nothing else.",
                "A linear loss alone has no minimum: it falls for ever. The price of moving away is what stops it, "
                "and the rate sets the price.",
            ),
        ],
    },
    {
        "ask": "With the true labels, images that surprise most look odd. With labels drawn at random, the images "
        "at the top look like any others. Why?",
        "choices": [
            choice(
                "With random labels the layer is never surprised.",
                "On the contrary: it is surprised all along, since it cannot foresee a draw. "
                "What is gone is the difference between odd and ordinary images.",
            ),
            choice(
                "With random labels the layer does not change, so all surprises are equal.",
                "It changes at every step, and more than with true labels. It only finds nothing that would help "
                "with the next image.",
            ),
            choice(
                "A surprise is a disagreement with a label. When the label does not depend on the image, "
                "neither does who surprises.",
                "Yes. With true labels an ordinary image is foreseen and an odd one is not. With drawn labels nothing "
                "can be foreseen from an image, and the ranking is that of the draw.",
                right=True,
            ),
            choice(
                "Random labels are wrong, and wrong labels have larger gradients.",
                "They are larger on average. But a ranking compares images with each other, and making all of them "
                "larger would leave it as it is.",
            ),
        ],
    },
]
