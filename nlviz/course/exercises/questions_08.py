"""Lesson 08, the closing questions: what a level is, how two are ordered, and what a log of writes can show."""

from __future__ import annotations

from ..choices import choice

QUESTIONS = [
    {
        "ask": "Adam keeps two moments of the gradients, and both are written at every step, like the weights. On how "
        "many levels do the three stand?",
        "choices": [
            choice(
                "One: all three are written equally often.",
                "That is the first half of Definition 2. At equal frequency it asks who needs whom: "
                "the weights move by the moments of the same step, so the moments are faster.",
            ),
            choice(
                "Two: both moments on one, the weights on the next.",
                "Yes. The weights need both moments of the same step; the moments do not need each other, "
                "so neither is faster. They stand side by side.",
                right=True,
            ),
            choice(
                "Three: first moment, second moment, weights.",
                "Which of the moments would be the faster? Each is computed from the gradient and from itself. "
                "That one line of the program stands before the other makes no order.",
            ),
            choice(
                "Two: the second moment on one, first moment and weights on the next.",
                "0.999 remembers longer than 0.9, but it is written just as often. A level's frequency counts its "
                "updates, not how long they last.",
            ),
        ],
    },
    {
        "ask": "A level writes three times in a log of 20 steps, after step 6, 12 and 18. What is its frequency?",
        "choices": [
            choice(
                "3/20: three writes in twenty steps.",
                "The log was cut off two steps after a tick. With 24 steps it would be 4/24. "
                "What belongs to the level, and not to the log, is its period.",
            ),
            choice(
                "1/6: its waits are all equal, and the cut-off ones at both ends are not longer.",
                "Yes: one over the period. For a level without a period, writes over steps is the best there is.",
                right=True,
            ),
            choice(
                "It cannot be told: six writes would be the least.",
                "Three are enough for two waits that can be compared, and the silence at both ends fits too. More "
                "writes make a coincidence less likely; they do not change the answer.",
            ),
            choice(
                "6: it writes every six steps.",
                "That is its period. A frequency is updates per step. The larger it is, the further inside the level.",
            ),
        ],
    },
    {
        "ask": "A linear layer computes W x. Linear attention computes M x, and writes into M at every token. What has "
        "to be done to the second to get the first, bit for bit?",
        "choices": [
            choice(
                "Nothing: they are the same thing.",
                "Their formula for reading is the same. But M changes while a sequence is read, and W does not: "
                "they have different frequencies.",
            ),
            choice(
                "Train it longer, until nothing is left to write.",
                "It writes what comes, whatever it has learned: Hebb's write does not look at an error. "
                "Only a rate of 0 stops it.",
            ),
            choice(
                "Start it at M = W and set its write rate to 0.",
                "Yes: a learned initial state, and a frequency in the context of 0. So a linear layer is linear "
                "attention that has stopped writing; the other way round, linear attention is a layer with one level "
                "more.",
                right=True,
            ),
            choice(
                "Put a softmax around it.",
                "With a softmax it becomes attention that keeps every token. That is the other end: "
                "nothing is compressed, and everything is computed anew at every read.",
            ),
        ],
    },
    {
        "ask": "One level of your model has the frequency 0.25 in the log but no period. What do you know?",
        "choices": [
            choice(
                "That it is written on a quarter of the steps, and that no clock drives it: "
                "something else decides when.",
                "Yes, and that is all. It may be chance, a threshold or a loss that decides. "
                "In this course such a level is called irregular, and gets no period.",
                right=True,
            ),
            choice(
                "That its period is 4.",
                "Its mean wait is about 4, but its waits differ. Handing it a period invents a clock: "
                "writes dealt out at random would get one too.",
            ),
            choice(
                "That the log is broken.",
                "Many things write when something happens and not when a clock strikes: a gate, an overflow that is "
                "skipped, a layer that thaws half-way.",
            ),
            choice(
                "That it is slower than a level of period 3.",
                "Over this log, by the count: 1/4 against 1/3. Whether it will be so in the next log "
                "nobody knows, for there is no period to go by.",
            ),
        ],
    },
    {
        "ask": "“Pre-training is in-context learning with a very long context.” In which sense is that right?",
        "choices": [
            choice(
                "In both, a state is written by a stream of data and read by whoever comes next; they differ in period "
                "and in the rule that writes.",
                "Yes. It is a way of looking, and a useful one: it puts both on one ladder. "
                "It does not say that they learn the same things, or equally well.",
                right=True,
            ),
            choice(
                "A Transformer with a long enough window would learn what pre-training learns.",
                "Nobody has shown that. Attention with a fixed window keeps tokens; the weights compress by gradient "
                "descent through many layers. One ladder does not make them one rule.",
            ),
            choice(
                "Pre-training is done by attention.",
                "Attention writes nothing into the weights. What pre-training writes is written by the optimizer, "
                "once a step.",
            ),
            choice(
                "In none: in-context learning changes no weights.",
                "It changes no *weights*, but a state all the same, where there is one: a memory's matrix, or the "
                "kept tokens. In this way of looking, what makes weights of a state is only how seldom it is written.",
            ),
        ],
    },
]
