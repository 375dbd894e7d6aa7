# %% [markdown]
# # 3 · Momentum is a memory of gradients
#
# **With momentum 0.9, how far back does an optimizer remember?**
#
# The obvious answer is "about ten steps", because 1 / (1 − 0.9) = 10. Run the cells one by one with Shift+Enter, so
# that you can bet before you see. (In a hurry, **Run ▸ Run All Cells** is safe at any time: nothing is downloaded or
# lost.)

# %%
import torch

import nlviz as nl

nl.widgets.tape()

# %% [markdown]
# The bars are the tape: how loudly each past gradient still speaks in the step that is made now. After step 40 the task
# changes and the valley moves. Watch whose colour the ink has.
#
# **At the end of this lesson you can**
#
# * compute how many gradients a momentum remembers, and say why the usual answer is too small;
# * write momentum twice, once as everybody does and once as *one step of descent on a small inner problem*;
# * show on real digits what an optimizer's memory does when the world changes, and what it does not do;
# * tell an effect of momentum from an effect of the learning rate.
#
# 75 minutes. You need [lesson 1](01_surprise.ipynb): a gradient step is a write into a memory.

# %% [markdown]
# ### Warm-up: two things to remember
#
# <details><summary><b>1.</b> What is 1 + β + β² + β³ + …, for a β between 0 and 1?</summary><br>1 / (1 − β): ten for
# 0.9, a hundred for 0.99.</details>
#
# <details><summary><b>2.</b> In lesson 1 a layer's memory held keys and values. What were they?</summary><br>The key
# was the layer's input, the value minus its surprise.</details>

# %% [markdown]
# ## The smallest case: one gradient, then silence
#
# Momentum keeps a second set of numbers beside the weights, the **velocity**. At every step it shrinks a little, the
# new gradient is added, and the weights move against it:
#
# $$v \leftarrow \beta\,v + g, \qquad w \leftarrow w - \text{lr}\;v .$$
#
# Let a single gradient of 1 come in, and nothing after it. **Predict** the velocity after three more steps.

# %%
v, tape = 0.0, []
for g in [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]:
    v = 0.9 * v + g
    tape.append(round(v, 3))
tape

# %% [markdown]
# The gradient is still there, at nine tenths of its strength for every step that has passed. Nothing else happens in
# momentum. So after many gradients the velocity is a sum, with weights that say how long ago:
#
# $$v_t = g_t + \beta\,g_{t-1} + \beta^2 g_{t-2} + \dots$$
#
# Numbers that compress a stream into a sum with fading weights: it is the Hebbian memory of lesson 1 with one addition,
# that before each write it keeps only the share β. What streams into it are *gradients*, and nobody asks it anything
# but "which way?" (Nested Learning, eqs. 10-13; the fading comes in with eqs. 32-37).

# %%
draw = torch.Generator().manual_seed(0)
gradients = torch.randn(50, 8, generator=draw, dtype=torch.float64)
fading = 0.9 ** torch.arange(49, -1, -1, dtype=torch.float64)
v = torch.zeros(8, dtype=torch.float64)
for g in gradients:
    v = 0.9 * v + g
torch.dist(v, fading @ gradients)

# %% [markdown]
# ### So how far back?
#
# The last n gradients carry the share 1 − βⁿ of all weight. **Predict**: how many carry half of it, and how many 99 %?

# %%
for momentum in (0.9, 0.95, 0.99, 0.999):
    half, nearly_all = (nl.optim.window(momentum, share) for share in (0.5, 0.99))
    print(
        f"momentum {momentum:<5}   half of the weight: last {half:>3}   99 %: last {nearly_all:>4}"
    )

# %% [markdown]
# For 0.9 it is **7 and 44**. (The paper's section 4.3 prints 6 and 43, where 1 − 0.9⁶ = 0.469 and 1 − 0.9⁴³ = 0.989:
# one short each.) "Ten" is the *mean age* of what is remembered, give or take one, and a poor word for a memory with so
# long a tail.

# %% [markdown]
# ## Exercise 03.A · momentum, as everybody writes it
#
# The weights must move by the velocity *after* the new gradient has come in. **Predict** what happens to training if
# one forgets that and moves by the old one.


# %% exercise="03.A"
def momentum_step(
    w: torch.Tensor, v: torch.Tensor, g: torch.Tensor, lr: float, momentum: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of descent with momentum: the new weights and the new velocity, all of one shape."""
    ### BEGIN SOLUTION
    v = momentum * v + g
    return w - lr * v, v
    ### END SOLUTION


# %%
nl.check("03.A", momentum_step)

# %%
momentum_step = nl.carry_on("03.A", momentum_step)

# %% [markdown]
# `nl.hint("03.A")` helps, `nl.solution("03.A")` unfolds ours. Your function is judged by `torch.optim.SGD`, which uses
# the same convention: the learning rate is applied when the velocity is *read*. Some books put it into the velocity, or
# average the gradients with a factor (1 − β). The first differs when the rate changes on the way, the second by exactly
# that factor; `nl.optim.Momentum` and `nl.optim.MomentumEMA` state it.

# %% [markdown]
# ## What a memory of gradients is good for
#
# A long, narrow valley: steep across (curvature 1), nearly flat along (0.01). Plain descent must use a rate that the
# steep walls allow, and crawls along the floor. A memory hears the walls contradict themselves and the floor repeat
# itself.


# %%
def valley(w):
    return 0.5 * (w[0] ** 2 + 0.01 * w[1] ** 2)


# %%
start = torch.tensor([-1.0, -8.0], dtype=torch.float64)
rules = {
    "plain": nl.optim.Momentum(lr=1.0, momentum=0.0),
    "plain, near its largest rate": nl.optim.Momentum(lr=1.9, momentum=0.0),
    "momentum 0.8": nl.optim.Momentum(lr=1.0, momentum=0.8),
}
losses = {
    name: nl.descend(rule, valley, start, steps=120)["loss"] for name, rule in rules.items()
}
nl.figures.lines(range(121), losses, x="step", y="loss", log="y")

# %% [markdown]
# The steep walls allow plain descent a rate below 2 and no more; even close to that, the loss it is left with is two
# hundred thousand times larger.
#
# **Play, with a goal**, in the widget at the top, or here with your own function:
#
# 1. Find the settings that settle fastest. Where in the map do they lie, and why not at the edge?
# 2. Start *on the floor*, with task B at its latest, and find a momentum that overshoots. What does the tape look like
#    when it does?
# 3. Put the task switch early, then late. When does the old ink hurt?

# %%
nl.widgets.tape(fn=momentum_step)

# %% [markdown]
# <details><summary>What others saw</summary><br>1: at the lower right end of the critical line, near momentum 0.67 and
# step size 3.3, just before the edge: there the flat direction stops swinging, and the steep one still settles. Beyond
# the line the memory is longer than the valley. 2: bars of both signs: the memory holds gradients that no longer agree.
# 3: early, while gradients are large. Late, when the path has settled, there is little ink left to mislead
# anybody.</details>

# %% [markdown]
# ## Exercise 03.B · the same step, as a memory that learns
#
# In lesson 1 a gradient step was the solution of a small memory problem. Now the memory of gradients itself. There is
# an inner loss of the velocity, for one incoming gradient g, such that **one plain gradient step with rate 1 on it** is
# the update v ← βv + g (Nested Learning, section 4.2). It wants two things: *point along g* (a dot product), and *stay
# small* (a square).
#
# **Predict** which of the two wishes β belongs to.


# %% exercise="03.B"
def inner_loss(v: torch.Tensor, g: torch.Tensor, momentum: float) -> torch.Tensor:
    """The loss that momentum's memory descends on: one number, zero at v = 0.

    v, g: (n,) the velocity and the gradient that comes in.
    """
    ### BEGIN SOLUTION
    return -v.dot(g) + 0.5 * (1 - momentum) * v.dot(v)
    ### END SOLUTION


# %%
nl.check("03.B", inner_loss)

# %%
inner_loss = nl.carry_on("03.B", inner_loss)

# %% [markdown]
# So there are **two problems, one inside the other**. The inner one, the velocity, learns from a stream of gradients.
# The outer one, the weights, learns from data, *through* the inner one. They tick at the same frequency, but the
# weights need the velocity of the same step, so it comes first: that is what the paper calls two levels (Definition 2).
#
# The two sit in each other in a few lines of autograd:

# %%
draw = torch.Generator().manual_seed(0)
w, v, g = torch.randn(3, 5, generator=draw, dtype=torch.float64)
slope = torch.func.grad(inner_loss)(v, g, 0.9)
torch.dist(w - 0.1 * (v - slope), momentum_step(w, v, g, lr=0.1, momentum=0.9)[0])

# %% [markdown]
# ## Real data: the labels change overnight
#
# A linear layer learns the digits. After step 460 every label is one higher: a 9 is now called 0. The optimizer is not
# told. Four memories, ten runs each, *all with the same rate in the long run*: under a gradient that stays, the
# velocity grows to 1 / (1 − β) times it, so lr / (1 − β) is held at 0.5.
#
# **Predict** for momentum 0.99, whose tape is full with 459 gradients of the old labels: for how many steps does it
# walk the wrong way?

# %%
change = 460
digits = nl.tasks.digits(seed=0)
rules = [nl.optim.Momentum(lr=0.5 * (1 - b), momentum=b) for b in (0.0, 0.9, 0.95, 0.99)]
switch = nl.lab.task_switch(digits, rules, switch=change, steps=change + 100)


# %%
def wrong_way(trace):
    """For how many steps after the change each memory walks the wrong way, with its interval."""
    for rule, agreement in zip(rules, trace["agreement"], strict=True):
        wrong = agreement[:, change:] < 0
        steps, half = nl.measure.mean_interval(wrong.cumprod(axis=1).sum(axis=1))
        print(
            f"momentum {rule.momentum:<4}  walks the wrong way for {steps:4.1f} ± {half:.1f} steps"
        )


wrong_way(switch)

# %% [markdown]
# *Agreement* is the cosine between the step and straight descent on today's labels: 1 is the same way, below 0 is the
# wrong way. A memory of 459 gradients turns round **in about one step**. Is the tape so weak? Look at what is written
# on it:

# %%
size = nl.measure.average(switch, axis="run")["gradient size"]
for rule, one in zip(rules, size, strict=True):
    before, after = one[change - 20 : change].mean(), one[change : change + 10].mean()
    print(
        f"momentum {rule.momentum:<4}  gradients of size {before:.2f} before, {after:.2f} after"
    )

# %% [markdown]
# **Weight times size.** The old task was nearly learned, its gradients were small; the first gradients of the new one
# are six times larger. But that is an explanation, and an explanation needs its control: the same runs, in which every
# gradient comes in at length 1, so that the memory holds directions and nothing else. **Predict** first.

# %%
unit = [
    nl.optim.Momentum(lr=0.05 * (1 - rule.momentum), momentum=rule.momentum)
    for rule in rules
]
directions = nl.lab.task_switch(
    digits, unit, switch=change, steps=change + 100, unit_gradients=True
)
wrong_way(directions)

# %%
means = nl.measure.average(directions, axis="run")["agreement"][
    :, change - 20 : change + 60
]
curves = {
    f"momentum {rule.momentum:g}": mean for rule, mean in zip(rules, means, strict=True)
}
x, y = f"step (the labels change after step {change})", "agreement (below 0: wrong way)"
nl.figures.lines(range(change - 19, change + 61), curves, x=x, y=y)

# %% [markdown]
# Now the tape shows: some thirty steps the wrong way. The count says how weights fade; what a memory *does* is weight
# times size.
#
# > **Try it**: set `change = 100`, then 20, and run these cells again. The tape of 0.99 is then filled only in part,
# > but the old task is only half learned, so that its gradients are still large. Which of the two matters more?

# %% [markdown]
# ### The control: was it the memory?
#
# Momentum is said to train faster. Here are the same layers once more, with one learning rate for all, as is often
# done, and with the rate in the long run held equal.

# %%
same_lr = [nl.optim.Momentum(lr=0.05, momentum=b) for b in (0.0, 0.9)]
matched = nl.optim.Momentum(lr=0.5, momentum=0.0)
race = nl.lab.task_switch(digits, [*same_lr, matched], switch=60, steps=60)
for rule, accuracy in zip([*same_lr, matched], race["accuracy"][..., 0], strict=True):
    right, half = nl.measure.mean_interval(accuracy[:, 29])
    print(
        f"lr {rule.lr:<5} momentum {rule.momentum:<4} after 30 steps {right:.1%} ± {half:.1%}"
    )

# %% [markdown]
# At one learning rate momentum is far ahead. Give plain descent the rate that momentum has *in effect*, ten times
# larger, and on these digits the whole lead is gone. In the narrow valley above it is not: there plain descent
# **cannot** take the larger rate, and the memory can. Always ask which of the two you are looking at.

# %% [markdown]
# ## The claim
#
# > **Momentum β remembers 99 % of its weight in the last n gradients, with n = 44, 90, 459 for 0.9, 0.95, 0.99.**
# > Verify it with your own function: send one gradient through and wait until no more than 1 % of its total is to come.


# %%
def measured_window(momentum):
    """One gradient of 1, then zeros: after how many steps has it done 99 % of what it will?"""
    w, v = torch.zeros(2, 1, dtype=torch.float64)
    moved = []
    for step in range(2000):
        g = torch.full((1,), float(step == 0), dtype=torch.float64)
        w, v = momentum_step(w, v, g, 1.0, momentum)
        moved.append(-w.item())
    return 1 + next(step for step, m in enumerate(moved) if m >= 0.99 * moved[-1])


# %%
for momentum in (0.9, 0.95, 0.99):
    measured, predicted = measured_window(momentum), nl.optim.window(momentum)
    print(f"momentum {momentum:<5} measured {measured:>3}, predicted {predicted:>3}")

# %% [markdown]
# ### Where it fails
#
# The count says how *weights* fade. It does not say what the memory will *do*: you saw a full tape of 459 outvoted in a
# step or two, and holding out for thirty once size was taken away. And it is one number, because momentum has one time
# scale. No β serves them all: where the noise is twice as large as the gradient, the best of eleven was 0.7 for
# directions that last 8 steps and 0.97 for those that last 400 (kept with the course:
# `nl.lab.kept("optim_time_scales")`).

# %% [markdown]
# ## Quiz

# %%
nl.widgets.quiz(nl.questions("03"))

# %% [markdown]
# ## What breaks it, and where to read on
#
# * **Adam** divides what the memory says by the root of a second one, which remembers the squares of the gradients:
#   `nl.optim.Adam`.
# * **Associative momentum.** A velocity gives the same answer whatever it is asked (the two versions of the paper call
#   it key-less and value-less). A memory that is asked *with the present gradient* can answer differently in different
#   valleys: `nl.optim.DeltaMomentum`, `nl.optim.DeepMomentum`.
# * **Two clocks.** `nl.optim.M3` keeps a fast and a slow memory of gradients. These three are ideas worth knowing, not
#   advice: on small networks, every rule tuned, two of them gained nothing and `DeltaMomentum` on some problems only.
#   The docstrings have the numbers.
#
# Behrouz et al., *Nested Learning*, sections 3.1, 4.2 and 4.3. · Polyak, *Some methods of speeding up the convergence
# of iteration methods* (1964). · Goh, *Why momentum really works*, Distill (2017). · Sutskever et al., *On the
# importance of initialization and momentum in deep learning* (2013).

# %% [markdown]
# ## Exit ticket
#
# 1. How many gradients does momentum 0.9 remember, and what exactly does that number count?
# 2. What are the inner and the outer problem of momentum, and which stream of data does each one see?
# 3. At lr 0.05 momentum reaches 80 % where plain descent has 62 %. What do you ask?

# %%
nl.progress()
