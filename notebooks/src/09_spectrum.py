# %% [markdown]
# # 9 · A spectrum of clocks
#
# **You learned A for a year and B for a day. Now nobody teaches you anything. What do you believe tomorrow?**
#
# B, one would think: it was the last thing you heard, and nothing has come after it. Yet you may say A again, by
# yourself. Something in you must have kept it, while something else was busy with B. Place your bet on *which knob*
# does it, then move them one at a time. Run the cells one by one with Shift+Enter, so that you can bet before you see.
# (In a hurry, **Run ▸ Run All Cells** is safe at any time: nothing is downloaded, and nothing you write is lost.)

# %%
import torch

import nlviz as nl

# %%
nl.widgets.mixer()

# %% [markdown]
# Read it like a tape machine. Above, what is believed: A upwards, B downwards, the black line is the sum. Below, one
# track for each level: its own pull, and a tick for every write. Under each slider you set **how often** a level writes
# (its clock), **how much** (its rate) and **how long it lasts** (its retention).
#
# **At the end of this lesson you can**
#
# * build the smallest *continuum memory system*, levels with clocks that learn from one shared error;
# * show what brings A back in silence, and what looks as if it did;
# * say what a slow clock buys (fewer writes), what it costs (lateness), and find the one setting in which the tick
#   wins;
# * put clocks on any network and any optimizer in one line.
#
# 90 minutes. You need [lesson 1](01_surprise.ipynb) and [lesson 3](03_momentum.ipynb).

# %% [markdown]
# ### Warm-up: two things to remember
#
# <details><summary><b>1.</b> A memory keeps 95 % of itself at every step. After how many steps is half of it
# gone?</summary> <br>0.95 to the 14th is 0.49: after 14.</details>
#
# <details><summary><b>2.</b> What does one gradient step of a linear memory write?</summary><br>The error times the
# key, an outer product (lesson 1).</details>

# %% [markdown]
# ## The smallest case: two numbers
#
# Two memories of one number each. They answer together, so they hear **one error**: what they are told minus what they
# say together. The fast one takes a large part of it and leaks; the slow one takes a small part and keeps it.
#
# **Predict** three numbers: their sum after 400 steps of "+1", after 40 steps of "−1", and after 120 steps of silence.


# %%
def live(fast_rate=0.10, fast_keep=0.95, slow_rate=0.01, slow_keep=1.0):
    """Hear +1 for 400 steps, -1 for 40, nothing for 120. Returns fast and slow at every step."""
    fast, slow, history = 0.0, 0.0, []
    for said in [1.0] * 400 + [-1.0] * 40 + [None] * 120:
        error = 0.0 if said is None else said - (fast + slow)
        fast = fast_keep * fast + fast_rate * error
        slow = slow_keep * slow + slow_rate * error
        history.append((fast, slow))
    return torch.tensor(history)


# %%
fast, slow = live().T
levels = {"both together": fast + slow, "fast": fast, "slow": slow}
nl.figures.lines(
    range(1, 561),
    levels,
    x="step (B begins at 401, silence at 441)",
    y="says A (+1) or B (−1)",
)

# %%
for when, step in {"after A": 400, "after B": 440, "after the silence": 560}.items():
    print(f"{when:>17}: {fast[step - 1] + slow[step - 1]:+.2f}")

# %% [markdown]
# It learned A. It was well on its way to B. And in silence it goes **back to A, with no example to tell it so**: the
# fast memory, which held B, leaks away, and what the slow one had gathered over 400 steps comes to the surface. People
# do this after they have learned to move under a force and it is reversed for a while; the effect is called
# *spontaneous recovery*.
#
# > **Go on if you can say** what `live(fast_keep=1.0)` will do in the silence. (Rerun the two cells above with it:
# > nothing. It stands at −0.98, where B has left it, for ever.)

# %% [markdown]
# ## Exercise 09.A · a level with a clock
#
# A level of the **continuum memory system** writes only every C steps. In between it gathers: `waiting` holds the
# errors (each as a tile, error times key) that have come since the last write. When the clock strikes, it forgets as
# much as C steps forget, adds the sum of what is waiting, and starts to gather anew (Nested Learning, section 7.1, eq.
# 71; the printed sum has one term too many, and we use C).
#
# Two things are ours. The paper's levels are MLPs, one behind the other (eq. 70) or side by side (eq. 74); these are
# matrices side by side, so that you can see all of them. And in eq. 71 nothing is forgotten: `keep` is added. Watch
# what it does.
#
# **Predict**: with period 4, how many times is a level written in 10 steps, and what is left waiting?


# %% exercise="09.A"
def tick(
    M: torch.Tensor,
    waiting: torch.Tensor,
    tile: torch.Tensor,
    step: int,
    period: int,
    rate: float,
    keep: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of one level; steps count from 1.

    Returns the memory and what is waiting, both (d, d).
    tile: this step's error times its key. keep: the factor that stays per step.
    """
    ### BEGIN SOLUTION
    waiting = waiting + tile
    if step % period:
        return M, waiting
    return keep**period * M + rate * waiting, torch.zeros_like(waiting)
    ### END SOLUTION


# %%
nl.check("09.A", tick)

# %%
tick = nl.carry_on("09.A", tick)

# %% [markdown]
# ## Play, with a goal
#
# Your level runs in the machine now, dashed. The table *each alone* fills as you move one knob at a time.
#
# 1. Move only the **slow clock**, from every step to every 64. How much does the end change? How many writes are left?
# 2. Move only the **fast retention**. Where is the cliff?
# 3. Move only the **slow rate**. Then switch from *sum* to *mean* and move the slow clock again. What has the clock
#    become?

# %%
nl.widgets.mixer(fn=tick, like=torch.zeros(1, dtype=torch.float64))

# %% [markdown]
# <details><summary>What others saw</summary><br>1: next to nothing, until it is so slow that it misses B altogether;
# the writes go from 560 to 8. 2: at 1. A fast memory that never forgets ends on B for ever. 3: with too small a slow
# rate there is nothing to come back to, and with too large a one the slow level has learned B as well. With the mean, a
# clock of 16 is a rate of a sixteenth: one knob in the costume of another.</details>

# %% [markdown]
# ## Exercise 09.B · several levels, one error
#
# Now all of them together. The memories of all levels stand in one tensor, `(levels, d, d)`, and so do the waiting
# tiles. Their answers add up, and **the error is that of the sum**.
#
# **Predict** what happens to a level that starts with a perfect memory while the others are empty.


# %% exercise="09.B"
def spectrum_step(
    M: torch.Tensor,
    waiting: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    step: int,
    periods: tuple[int, ...],
    rates: tuple[float, ...],
    keeps: tuple[float, ...],
) -> tuple[torch.Tensor, torch.Tensor]:
    """One pair through all levels: the new M and waiting.

    M, waiting: (levels, d, d). key, value: (d,).
    """
    ### BEGIN SOLUTION
    error = value - M.sum(0) @ key
    M, waiting = M.clone(), waiting + torch.outer(error, key)
    for i, (period, rate, keep) in enumerate(zip(periods, rates, keeps, strict=True)):
        if step % period == 0:
            M[i] = keep**period * M[i] + rate * waiting[i]
            waiting[i] = 0
    return M, waiting
    ### END SOLUTION


# %%
nl.check("09.B", spectrum_step)

# %%
spectrum_step = nl.carry_on("09.B", spectrum_step)

# %% [markdown]
# ### The collapse: when a spectrum is no spectrum
#
# Three levels with rates 0.1, 0.2 and 0.05 that tick together and forget nothing. **Predict** how they differ from one
# level with rate 0.35.

# %%
draw = torch.Generator().manual_seed(0)
pairs = torch.randn(60, 2, 4, generator=draw, dtype=torch.float64) / 2
three, one = (torch.zeros(n, 4, 4, dtype=torch.float64) for n in (3, 1))
wait_three, wait_one = torch.zeros_like(three), torch.zeros_like(one)
for step, (k, v) in enumerate(pairs, 1):
    rates, keeps = (0.1, 0.2, 0.05), (1.0, 1.0, 1.0)
    three, wait_three = spectrum_step(
        three, wait_three, k, v, step, (2, 2, 2), rates, keeps
    )
    one, wait_one = spectrum_step(one, wait_one, k, v, step, (2,), (0.35,), (1.0,))
(three.sum(0) - one.sum(0)).abs().max()

# %% [markdown]
# Not at all: they **are** one level. Linear levels that tick together, share an error and never forget collapse into a
# single one with the summed rate. Different clocks make a difference, but only the one you saw: some of them are late.
# If A comes back in silence, forgetting is in it somewhere.
#
# And the level with the perfect memory? The error is that of the *sum*, so while it answers rightly nobody hears an
# error, and the others learn nothing.

# %% [markdown]
# ## Which knob was it? Twelve fresh streams
#
# The same machine in 16 dimensions, twelve random streams, each setting on the same ones. A slow level with rate 0.15
# beside a fast one with rate 0.8 that keeps 0.95. First the **clock** of the slow level, errors *summed*:


# %%
def recovery(*levels, **how):
    """How far A has come back after the silence, one number a stream."""
    return nl.lab.spectrum(levels=levels, streams=12, seed=500, **how)["recovery"]


fast_level = (1, 0.8, 0.95)  # period, rate, keep
by_clock = {f"slow clock {C}": recovery(fast_level, (C, 0.15, 1.0)) for C in (1, 8, 32, 64)}
nl.figures.intervals(by_clock, x="A comes back: overlap after the silence", limits=(-1, 1))

# %%
change_of_clock, half = nl.measure.mean_interval(
    by_clock["slow clock 32"] - by_clock["slow clock 1"]
)
writes = [
    int(nl.lab.spectrum([fast_level, (C, 0.15, 1.0)], streams=1)["writes"][1])
    for C in (1, 32)
]
print(f"clock 1 to 32 changes recovery by {change_of_clock:+.3f} ± {half:.3f}")
print(f"writes of the slow level: {writes[0]} to {writes[1]}")

# %% [markdown]
# Next to nothing, for 33 times fewer writes. **That is what a clock buys: cheapness.** Now the other knobs:

# %%
others = {
    "both, as above": by_clock["slow clock 8"],
    "only the fast level": recovery(fast_level),
    "only the slow level": recovery((8, 0.15, 1.0)),
    "fast keeps everything": recovery((1, 0.8, 1.0), (8, 0.15, 1.0)),
    "slow clock 16, averaged": recovery(fast_level, (16, 0.15, 1.0), average=True),
    "the same, rate held": recovery(fast_level, (16, 0.15 * 16, 1.0), average=True),
    "only the last error": recovery(fast_level, (8, 0.15, 1.0), last_only=True),
}
nl.figures.intervals(others, x="A comes back: overlap after the silence", limits=(-1, 1))

# %% [markdown]
# * **The fast level must forget.** If it keeps everything, B stays for ever.
# * **The slow level must learn enough**, and not so fast that it follows B: its rate, not its clock. Averaging looks
#   like a slow clock at work and is a small rate: give the rate back and the effect is gone.
# * *Only the slow level* ends on A as well, but look at the mixer: it never said B. Stability without plasticity is a
#   stopped watch.
# * Looking only at the last error before the tick throws most of the lesson away. Accumulate.

# %% [markdown]
# ## Real use: facts that are overridden for a while
#
# Permanent facts; now and then one is overridden, then nobody mentions it. Is the new answer adopted at once, and is
# the default back later? The score counts both. Sixteen fresh seeds, each method with the best of equally many
# settings, found on other seeds.

# %%
override = nl.lab.overriding(seed=4000)
scores = dict(zip(override.along("method"), override["score"], strict=True))
nl.figures.intervals(scores, x="adopted, and back by itself (share)")

# %% [markdown]
# What wins is *fast decay beside a slow level*. Clocks 1 and 32 do as well as clocks 1 and 1 here, or a hair worse,
# with 32 times fewer slow writes. Without decay, two levels are hardly better than one; ticking together they *are*
# one, the collapse again.

# %% [markdown]
# ## The one setting where the tick itself wins
#
# So is a clock good for nothing but saving writes? There is one honest exception, and it shows what to look for. Items
# are stored under keys that a slow encoder makes, and the encoder drifts. Two ways to let it move:
#
# * **every step a little**: every stored key is a little wrong, the older the more;
# * **a staircase**: hold the encoder still for 64 steps, then move at once, *and rebuild the fast memory at that
#   moment*.
#
# Both move equally far, and both may re-write sixteen items in 64 steps: all at once, or one every fourth step
# (*rolling*). A third encoder moves by a running average. **Predict** which way wins, and whether the ticks must be
# regular.

# %%
stairs = nl.lab.staircase(seed=4000)
recalls = dict(zip(stairs.along("way"), stairs["recall"], strict=True))
no_budget = ("held; no re-writes", "every step; no re-writes")
rewriting = {way: recall for way, recall in recalls.items() if way not in no_budget}
nl.figures.intervals(rewriting, x="share of items answered right")

# %% [markdown]
# Held **and** rebuilt wins against all five: neither half does it alone. Ticks at random times tie, so it is not the
# rhythm. The tick is *the moment at which the fast memory may be rebuilt*; that is how we read the paper's nested
# variant (eq. 72).
#
# And without its re-writes it can **lose**. When the encoder drifts slowly, a held one is late for nothing:

# %%
losing = nl.lab.staircase(drift=0.02, seed=4000)
by_way = dict(zip(losing.along("way"), losing["recall"], strict=True))
held, live_keys = by_way["held; no re-writes"], by_way["every step; no re-writes"]
change, half = nl.measure.mean_interval(held - live_keys)
print(f"no re-writes, slow drift: staircase minus every step {change:+.3f} ± {half:.3f}")

# %% [markdown]
# ## On any network, in one line
#
# `MultiClock` puts periods on the parameter groups of any optimizer. Here a small classifier of digits whose first
# layer is written every 16 steps, with *summed* gradients (you must say which: `average=False`), and so with a rate
# between a sixteenth and a quarter of the others': here a fifth.

# %%
digits = nl.tasks.digits(seed=0)
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
groups = [
    {"params": net[0].parameters(), "lr": 0.02},
    {"params": net[2].parameters(), "lr": 0.1},
]
clock = nl.nested.MultiClock(torch.optim.SGD(groups), periods=[16, 1], average=False)

# %%
for _ in range(480):
    some = torch.randint(len(digits.x), (16,))
    torch.nn.functional.cross_entropy(net(digits.x[some]), digits.y[some]).backward()
    clock.step()
right = (net(digits.x_test).argmax(1) == digits.y_test).float().mean()
print(f"{right:.1%} right, first layer written {480 // 16} times, second 480 times")

# %% [markdown]
# ## The claims
#
# > (i) A fast and a slow level recover A in silence; the fast one alone does not, and the slow one alone never said B.
# > (ii) A slow period of 32 instead of 1 changes that by less than 0.02. (iii) Fast retention 1 abolishes it. (iv)
# > Accumulating beats taking the last error. (v) The staircase that rebuilds at the tick beats all five controls; at
# > slow drift and without re-writes it loses.

# %%
both, fast_only, forgets_nothing = (
    others[name].mean()
    for name in ("both, as above", "only the fast level", "fast keeps everything")
)
slow_at_b = nl.lab.spectrum([(8, 0.15, 1.0)], streams=12, seed=500)["total"][:, 439].mean()
won, tied, *controls = [recalls[way].mean() for way in recalls if way not in no_budget]

# %%
claims = {
    "(i) both recover, the fast one alone does not": both > 0.3 and fast_only < 0.1,
    "(i) the slow one alone never said B": slow_at_b > 0,
    "(ii) slow clock 32 for 1 changes < 0.02": abs(change_of_clock) < 0.02,
    "(iii) fast retention 1 abolishes it": forgets_nothing < 0,
    "(iv) accumulating beats the last error": both - others["only the last error"].mean()
    > 0.1,
    "(v) staircase and rebuild beat all five": won - max(controls) > 0.1,
    "(v) and lose at slow drift without re-writes": (held - live_keys).mean() < 0,
}
for words, holds in claims.items():
    print("holds" if holds else "FAILS", words)

# %% [markdown]
# ### Where it stops
#
# Being late costs little in these toys. With an encoder that *learns*, on digits, whose drift is mostly noise, we have
# seen a running average of it do better than the staircase. And on five orders of pixels, learned one after the other
# (you will meet them in lesson 12), levels with clocks and nothing else end where a tuned single rate ends, at .42
# right (`nl.lab.kept("continual_permuted")`). Say "the clock buys fewer writes" and "the tick is when the fast memory
# may be rebuilt". Do not say "slow clocks forget less".

# %% [markdown]
# ## Quiz

# %%
nl.widgets.quiz(nl.questions("09"))

# %% [markdown]
# ## What breaks it, and where to read on
#
# * **Summed gradients over C steps** are stable only if rate × C × curvature stays below 2. The mixer writes
#   *overshoots* there.
# * **A reset whose period equals the task's length** looks brilliant: it has been told where the tasks end. Vary the
#   lengths.
# * **A world with two time scales** is followed a little better by two *rates*, the fast one forgetting, than by one.
#   Whether the slow one ticks at every step or at every 16th is all the same there
#   (`nl.lab.kept("clocks_two_scales")`).
#
# Behrouz et al., *Nested Learning*, section 7. · Smith, Ghazizadeh & Shadmehr, *Interacting adaptive processes with
# different timescales underlie short-term motor learning* (2006). · Benna & Fusi, *Computational principles of synaptic
# memory consolidation* (2016). · McClelland, McNaughton & O'Reilly, *Why there are complementary learning systems*
# (1995).

# %% [markdown]
# ## Exit ticket
#
# 1. Which two knobs bring A back, and which one only saves work?
# 2. Why is an averaged slow clock a small learning rate?
# 3. What must happen at a tick for the tick to be worth something?

# %%
nl.progress()
