# %% [markdown]
# # Nested Learning, hands on
#
# **A model reads one fact after another. Ask it for one that it read forty facts ago: how much of it is left?**
#
# Less of it than of a fresh one, surely, but not nothing? Here are twenty small models, each trained, then frozen, then
# asked for facts of every age. (Run the cells one by one with **Shift+Enter**. In a hurry, **Run ▸ Run All Cells** is
# safe at any time: nothing is downloaded, nothing is lost.)

# %%
import torch

import nlviz as nl

# %%
# kept with the course; `python -m nlviz experiments amnesia` makes it anew
facts = nl.lab.kept("amnesia")
nl.figures.amnesia(facts)

# %% [markdown]
# The dashed line is a model as we use them: it answers from a window of 32 facts, rightly, and one step further back it
# **guesses**. Nothing faded. The fact was never anywhere but in the window.
#
# The solid line is the *same* frozen model with a small memory beside it that goes on learning while it reads. A small
# step where the window ends, then a slope: half is still known after some ninety facts, and after five hundred little
# more than a guess:

# %%
for age in (31, 32, 64, 256):
    print(f"{age} facts since")
    for method in ("frozen", "with memory"):
        right, half = nl.measure.mean_interval(
            facts.select(method=method, age=age)["right"]
        )
        print(f"   {method:<12} {right:4.0%} ± {half:.0%}")

# %% [markdown]
# The paper's own image for the dashed line: a person with **anterograde amnesia** remembers childhood and the last few
# minutes, and nothing in between becomes a memory. A language model after training is much like that. Its weights hold
# what it was trained on, its context window the last few pages, and nothing passes from the one to the other.
#
# ## So let it learn on?
#
# **You teach a network the digits 0 to 4. Then you teach it 5 to 9. What does it say tomorrow when it sees a 3?** It
# has five more digits to its name, and nobody asked it to forget anything. Place your bet, then press play.

# %%
digits = nl.tasks.digits(seed=0)
trace = nl.lab.overwriting(digits)  # 5 runs of a small network at 5 learning rates
nl.widgets.overwriting(trace, lr=0.1)

# %% [markdown]
# It does not fade over weeks. Most of its right answers are gone within some twenty steps, while the network is busy
# getting better. This is **catastrophic forgetting**, and it is not rare: it is what plain gradient descent does to
# answers that it is no longer shown, where new ones push them out.
#
# **In 25 minutes** you can say what learning the new does to the old and show that a smaller step does not cure it, and
# your machine is ready for the course.
#
# **Move the slider.** Can a smaller learning rate save the old digits? Predict, then look at *both* lines, then here:

# %%
for order in trace.along("order"):
    print(order)
    for lr in trace.along("lr"):
        last = trace.select(order=order, lr=lr, step=400)["accuracy"]
        (a, b), (da, db) = nl.measure.mean_interval(last)
        print(f"   rate {lr:<6}  0-4: {a:4.0%} ± {da:<4.0%}   5-9: {b:4.0%} ± {db:.0%}")

# %% [markdown]
# Two things to take from the table (five runs each, with 95 % intervals; where one reaches below 0, five runs were too
# few and too different).
#
# * **A smaller step forgets later because it learns later.** None of these five rates keeps the old *and* gets the new.
#   Whenever somebody shows you a method that forgets less, ask first whether it also learned less. This course asks
#   that every time.
# * **It is not a lack of room.** Given both halves mixed, the very same network learns both. It could hold all ten
#   digits; it has no way to *keep* what it is not being shown.
#
# ### What exactly was forgotten?
#
# One more control, before we believe the picture. Ask the same network a smaller question: *this is one of 0 to 4;
# which?*

# %%
asked_less = trace.select(order="A, then B", lr=0.1, task="A: digits 0-4")
for step in (200, 400):
    free, among = (
        asked_less.select(step=step)[kind].mean() for kind in ("accuracy", "among its five")
    )
    print(f"step {step}: asked freely {free:.0%}, asked for one of 0 to 4 {among:.0%}")

# %% [markdown]
# It no longer *says* 0 to 4, but asked which of the five it is, it mostly still knows. Losing an answer and losing what
# it rests on are two things, and a single falling line cannot tell which one it shows.
#
# ## What this course is about
#
# Two pictures, one dilemma. Freeze the weights, and everything out of sight is gone. Let them learn on, and the new
# takes the place of the old.
#
# **Nested Learning** (Behrouz et al., NeurIPS 2025) looks at this in one frame. A model and the rule that trains it are
# the same kind of thing at different speeds: *memories*, nested in each other, each with its own stream of data and its
# own clock. A gradient step is a memory of a surprise. Momentum is a memory of gradients. Attention is a memory of
# tokens. And between "updates at every token" and "never updates again" there could be a whole spectrum of clocks.
#
# Some of that is a theorem, some is a useful way of looking, and some disappears once the learning rates are matched.
# **In this course you find out which is which**, with your own functions, on real data, with the control beside it.

# %% [markdown]
# ## The map
#
# | | lesson | the question | minutes | needs |
# |---|---|---|---|---|
# | 0 | **Start** (you are here) | What does learning the new do to the old? | 25 | Python, vectors, a derivative |
# | 1 | [**A gradient is a surprise**](01_surprise.ipynb) | What is stored about an example without a mistake? | 70 | 0 |
# | 2 | What is a memory? | How many pairs can a 32 × 32 matrix hold? | 75 | 1 |
# | 3 | [**Momentum is a memory of gradients**](03_momentum.ipynb) | How far back does an optimizer remember? | 75 | 1 |
# | 4 | Adam is a memory with a ruler | Why does its first step ignore the size of the gradient? | 75 | 3 |
# | 5 | Attention never forgets and never fits | What is left without the softmax? | 80 | 2 |
# | 6 | [**The delta rule**](06_rewriting.ipynb) | A fact changed. What does your memory say now? | 85 | 1 |
# | 7 | Titans: learning while reading | Should a surprise still matter ten words later? | 90 | 6 |
# | 8 | [**Levels and clocks**](08_levels.ipynb) | How many things are learning inside "Adam + Transformer"? | 65 | 1, 3, 6 |
# | 9 | [**A spectrum of clocks**](09_spectrum.ipynb) | You learned A for a year and B for a day. And tomorrow? | 90 | 1, 3 |
# | 10 | Forgetting, measured honestly | A slower clock forgot less. Was it the clock? | 80 | 9 |
# | 11 | Self-modifying memories | Who decides how fast you learn? | 95 | 7, 9 |
# | 12 | [**Capstone: a continual learner**](12_capstone.ipynb) | Quick abroad and still at home? | 180 | 9 |
#
# Lessons with a link are here; the others are being written, and no lesson that is here needs one that is not. Short
# course, under nine hours: 0, 1, 3, 6, 9, 12.

# %% [markdown]
# ## How a lesson works
#
# **Predict, move, explain.** Before every slider, say what will happen; after it, say in one sentence what did. It
# takes ten seconds and is most of the learning. Every slider works with the arrow keys, and Backspace puts it back.
#
# **Write the rule, be checked at once.** You write the one to eight lines that matter. Here is one to try the machine
# on. The outer product of u and x is the table with u_i x_j in row i, column j. Replace the dots:


# %% exercise="00.A"
def outer(u: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The outer product: u has shape (m,), x has shape (n,); returns (m, n)."""
    ### BEGIN SOLUTION
    return u[:, None] * x[None, :]
    ### END SOLUTION


# %%
nl.check("00.A", outer)

# %% [markdown]
# A wrong answer gets a sentence about *your* mistake, never a wall of red. `nl.hint("00.A")` helps a little, asked
# again it helps more, and `nl.solution("00.A")` unfolds ours. You are never stuck: a lesson goes on with our function
# where yours is not finished. What you have done is kept in a small file on this machine:

# %%
nl.progress()

# %% [markdown]
# ## A look ahead: a memory that changes itself
#
# At the far end of the course stands **Hope**, the paper's own architecture. Its memory of tokens makes its *own* keys
# (where to write), values (what), rates (how much) and retention (how long it lasts), by small memories that are
# themselves written while it reads. Nobody has to follow this yet; look. Here is one such layer, untrained, reading 512
# tokens. First, the key it gives to **one and the same token** after reading text A, and after reading text B:

# %%
changes = nl.lab.self_changes(nl.nested.SelfModifyingTitans(128, heads=4, chunk=16))
nl.figures.key_drift(changes)

# %% [markdown]
# The same token gets another key: what it has read has changed the rule by which it reads on. That is what
# *self-modifying* says, and no more. How far has each of its five memories moved from where it began?

# %%
nl.figures.memories_moved(changes)

# %% [markdown]
# And would it matter if one of them stood still?

# %%
nl.figures.freezing(changes)

# %% [markdown]
# Three of the five matter at once; before training, the two that set rates and retention hardly do (the axis is
# logarithmic). Changing itself is not yet being *good for* something. That has to be shown beside a memory that does
# not, with the same number of weights.

# %% [markdown]
# ## Is it for me?
#
# Five questions. Whoever gets four at the first try can start; the explanations say what to refresh.

# %%
nl.widgets.quiz(nl.questions("00"))

# %% [markdown]
# ## Does it run?

# %%
nl.doctor()

# %% [markdown]
# ## What you have seen, and what not
#
# * A frozen model knows what it was trained on and what is in its window. One step outside it guesses.
# * Plain training on new digits took the old answers away, at each of five step sizes. What they rested on was mostly
#   still there.
# * **Not shown**: that a memory beside the model is the best cure (a longer window is another), that a large model
#   forgets as this small one did, or that a clock helps at all. Some of that you will test yourself, and not all of it
#   will hold.
#
# All fine? Then on to [**1 · A gradient is a surprise**](01_surprise.ipynb).
#
# ### Exit ticket
#
# Answer in a sentence each; a teacher may ask for them.
#
# 1. Why did the smaller learning rate not solve the problem?
# 2. What did the mixed run show that the other could not?
