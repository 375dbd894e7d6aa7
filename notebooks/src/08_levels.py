# %% [markdown]
# # 8 · Levels and clocks
#
# **How many things are learning inside "Adam + Transformer", and how often does each?**
#
# The obvious answer is *one*: the weights, and Adam is what trains them. Run the cells one by one with Shift+Enter, so
# that you can bet before you see. (In a hurry, **Run ▸ Run All Cells** is safe at any time: nothing is downloaded or
# lost.)

# %%
import math

import torch
from torch.nn.functional import cross_entropy, linear, one_hot

import nlviz as nl

# %%
digits = nl.tasks.digits(seed=0)
rows = digits.x.view(-1, 8, 8)  # an image is a sequence: 8 tokens, each a row of 8 pixels


def train(model, optimizer, x=rows, tokens=8, steps=96):
    """Train a while and watch: what was written, and at which step?"""
    with nl.nested.watch(
        model, optimizer, tokens_per_step=tokens, example=x[:2]
    ) as watched:
        for _ in range(steps):
            some = torch.randint(len(x), (32,))
            optimizer.zero_grad()
            cross_entropy(model(x[some]), digits.y[some]).backward()
            optimizer.step()
    return watched


# %%
torch.manual_seed(0)
block = torch.nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True)
transformer = torch.nn.Sequential(block, torch.nn.Flatten(), torch.nn.Linear(64, 10))
watched = train(transformer, torch.optim.Adam(transformer.parameters(), lr=0.01))
log = watched.trace()
nl.widgets.clockwork(log)

# %% [markdown]
# This is the log of a real run: a small Transformer that reads digits row by row, trained by Adam. Time runs in tokens
# of one sequence (the 32 images of a batch are read side by side), and the axis looks **back from now**, ten times as
# far at every second mark. A tick is a write. The bar after the last tick is the time for which nothing has changed;
# the pale band before it is what that write has seen. Bet, switch the parts on, press play.
#
# **At the end of this lesson you can**
#
# * list the nested problems of a network you did not build: what each sees, wants and keeps, and how often it is
#   written;
# * read a period off a log of writes, and refuse to where there is none;
# * put levels in order by the paper's Definition 2, and say where that order is silent;
# * take a Transformer block apart into matrices of different frequency, put it together again, and say what is left
#   over.
#
# 65 minutes. You need [lesson 1](01_surprise.ipynb), [lesson 3](03_momentum.ipynb) and [lesson 6](06_rewriting.ipynb):
# a memory can be written while a sequence is read.

# %% [markdown]
# ### Warm-up: two things to remember
#
# <details><summary><b>1.</b> Momentum is two problems, one in the other. What does the inner one
# see?</summary><br>Gradients. The velocity compresses a stream of them; the weights learn from data, through it (lesson
# 3).</details>
#
# <details><summary><b>2.</b> Hebb's rule writes value times key into a matrix, at every token. What would make it
# stop?</summary><br>Only a rate of 0: it never looks at what the matrix says already (lesson 6).</details>

# %% [markdown]
# ## The smallest case: three things and a strip of paper
#
# Forget networks for a moment. Something that learns has a **state**, and now and then the state is **written**. Make a
# mark on a strip of paper whenever that happens, one strip for each thing, and keep the strips side by side.


# %%
def strips(wrote, names):
    """One strip a thing: a mark where it was written."""
    for name, row in zip(names, wrote, strict=True):
        print(f"{name:>20}  " + "".join("▮" if mark else "·" for mark in row))


step = torch.arange(1, 25)
velocity, weights, slow = (step % period == 0 for period in (1, 1, 6))
strips((velocity, weights, slow), ("velocity", "weights", "slow weights"))

# %% [markdown]
# The number of marks in a unit of time is the thing's **frequency**. The paper sorts by it (Nested Learning, Definition
# 2):
#
# > A is faster than B if A is written more often; or, if both are written equally often, when B's state of a moment is
# > computed from A's state *of that same moment*. If neither, they are of one frequency and independent.
#
# So the slow weights come last. Velocity and weights tie, and the second half decides: the weights move by the *new*
# velocity, so the velocity is faster. It has to be there first.
#
# We name a level by its **period**, the time from one write to the next, rather than by a number: the paper counts
# levels from the fast end in some places and from the slow end in others. "Inner" is fast, "outer" is slow, whoever
# counts.

# %% [markdown]
# ## A network you know, with a log beside it
#
# A multilayer perceptron on digits, trained by Adam. **Predict**: how many rows will the table have, and which is the
# last?

# %%
torch.manual_seed(0)
mlp = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
seen = train(mlp, torch.optim.Adam(mlp.parameters(), lr=0.01), x=digits.x, tokens=1)
print(seen.levels.table(seen.trace()))

# %% [markdown]
# Three. `exp_avg` and `exp_avg_sq` are torch's names for Adam's two memories of the gradients: a running mean of them
# and a running mean of their squares. Each is one small problem: *stay near what comes*. They do not need each other,
# so they share a place; the weights need both.
#
# There are **two sources** in this table, and they do not know of each other. *Written* is a description: what the
# types of the modules and of the optimizer are known to do. *In the log* is an observation: torch counts every write
# into a tensor, and those counts were looked at after each step. Where a description is missing, the table says
# "unknown" and does not guess.

# %% [markdown]
# ## Exercise 08.A · read the clock off the log
#
# A log is a table of ones and zeros, a row for each level. How often does a level write, and does it keep a period at
# all? It does if all waits from one write to the next are equal, at least two of them, and if it is not silent for
# longer at either end of the log. Then its frequency is one over that period. Otherwise count: writes over steps, and
# *no* period.
#
# **Predict**: a clock of period 6 and a clock of period 5, 20 steps each. What does counting say?


# %% exercise="08.A"
def frequency(wrote: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How often each level writes, (level,), and which keep a period: 1 or 0, (level,).

    wrote: (level, step), 1 where a level was written. Both answers have its dtype.
    """
    ### BEGIN SOLUTION
    often, regular = wrote.mean(1), torch.zeros_like(wrote[:, 0])
    for level, row in enumerate(wrote):
        waits = torch.tensor([-1, *row.nonzero().flatten().tolist(), len(row)]).diff()
        if len(waits) > 3 and (waits[1:-1] == waits.max()).all():
            often[level], regular[level] = 1 / waits.max(), 1
    return often, regular
    ### END SOLUTION


# %%
nl.check("08.A", frequency)

# %%
frequency = nl.carry_on("08.A", frequency)

# %% [markdown]
# Counting says 3/20 and 4/20, which happens to come out in the right order. In a log of 19 steps it is 3/19 for both: a
# tie where there is none, made by the place where you stopped looking.
#
# ### The control: does it find clocks where there are none?
#
# Three blocks with clocks 1, 4 and 16, on one gradient (`MultiClock`, lesson 9). First the log as it is, then two
# forgeries. **Dealt out**: at every step the same number of writes, handed to random levels. **Jittered**: the block of
# period 4, often a step early or late. **Predict** what a good reader of logs says to each.


# %%
class Blocks(torch.nn.Module):
    """Rows of pixels through something that reads, then three small blocks."""

    def __init__(self, *reading):
        super().__init__()
        self.lift, self.reading = torch.nn.Linear(8, 16), torch.nn.ModuleList(reading)
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(16, 16) for _ in range(3))
        self.head = torch.nn.Linear(16, 10)

    def forward(self, x):
        x = self.lift(x)
        for layer in self.reading:
            x = x + layer(x)[0]  # a layer that reads gives its answer and its state
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(x.mean(1))


# %%
def three_clocks(model, **how):
    """A group of weights for each clock: written every step, every 4, every 16."""
    groups = [{"params": [], "name": f"block {i}"} for i in (1, 2, 3)]
    for name, w in model.named_parameters():
        later = int(name[7]) if name.startswith("blocks.") else 0
        groups[later]["params"].append(w)
    optimizer = torch.optim.SGD(groups, lr=0.05, **how)
    return nl.nested.MultiClock(optimizer, periods=[1, 4, 16], average=True)


# %%
torch.manual_seed(0)
model = Blocks()
clocks = train(model, three_clocks(model))
wrote = torch.tensor(clocks.trace()["wrote"], dtype=torch.float64)
draw = torch.Generator().manual_seed(0)
dealt = torch.stack([now[torch.randperm(3, generator=draw)] for now in wrote.T], dim=1)
jittered = torch.zeros_like(wrote[:1])
jittered[0, torch.arange(4, 93, 4) + torch.randint(-1, 2, (23,), generator=draw)] = 1

# %%
for what, some in {"the log": wrote, "dealt out": dealt, "jittered": jittered}.items():
    for often, regular in zip(*frequency(some), strict=True):
        period = f"period {1 / often:.0f}" if regular else "no period"
        print(f"{what:>10}: {often:.3f} a step, {period}")

# %% [markdown]
# Real clocks come out as 1, 4 and 16. Dealt out, all three are written equally often but for chance (deal again, and
# another one leads), and none keeps a period. And the jittered level, with a mean wait of 4, gets *no* period either.
# That refusal is worth more than the number: a reader that calls it "4" would find a clock in anything.

# %% [markdown]
# ## Exercise 08.B · put them in order
#
# Now Definition 2 itself. For every component you are given how often it is written, and who needs whom: `needs[i, j]`
# is 1 if i's state of a moment is computed from j's state of that moment. The **level** of a component is the length of
# the longest chain of faster ones before it, so the innermost has 0.
#
# **Predict**: attention needs the weights, to make its keys and values. Does that make the weights faster than
# attention?


# %% exercise="08.B"
def order_levels(frequency: torch.Tensor, needs: torch.Tensor) -> torch.Tensor:
    """The level of every component, (component,), 0 for the innermost; of the dtype of `frequency`.

    frequency: (component,), infinite for what is made anew at every read.
    needs: (component, component) of 0 and 1.
    """
    ### BEGIN SOLUTION
    level = torch.zeros_like(frequency)
    for _ in frequency:
        for i in range(len(frequency)):
            equal = frequency == frequency[i]
            faster = (frequency > frequency[i]) | (equal & (needs[i] > 0))
            if faster.any():
                level[i] = level[faster].max() + 1
    return level
    ### END SOLUTION


# %%
nl.check("08.B", order_levels)

# %%
order_levels = nl.carry_on("08.B", order_levels)

# %% [markdown]
# No: the frequency comes first, and attention is made anew at every read. **A word on attention.** The paper gives it
# the frequency *infinity*. There is no finite number to put there, since it solves its little problem (a weighted mean
# of the values) on the spot, from the tokens themselves, and has no state that is ever rewritten. We print its period
# as 0 and say "at every read". Whether you call that learning is up to you; the picture at the top counts it and says
# that it keeps nothing.

# %% [markdown]
# ## Real networks: six systems, by hand and by log
#
# Cover the next cell, and take paper and pencil. An MLP with SGD; with Adam; a Transformer with Adam; linear attention
# with momentum; Titans with Adam; three clocks with SGD. What is written, how often, and who needs whom? **Predict**
# all six orders, inner first. Ours:

# %%
adam = [["exp_avg", "exp_avg_sq"], ["weights"]]
by_hand = {
    "MLP and SGD": [["weights"]],
    "MLP and Adam": adam,
    "Transformer and Adam": [["attention"], *adam],
    "linear attention and momentum": [["memory"], ["momentum_buffer"], ["weights"]],
    "Titans and Adam": [["momentum"], ["memory"], *adam],
    "three clocks and SGD": [[f"weights of block {i}"] for i in (1, 2, 3)],
}

# %% [markdown]
# *Linear attention* is a matrix that Hebb's rule writes at every token; *Titans* writes by a gradient step with a
# momentum of its own, the past surprise. Then the same from the logs, with **your** two functions. The descriptions are
# left out, but for who needs whom, which no log can show.


# %%
def ladder(watched):
    """The order that a log shows, inner first."""
    log, names = watched.trace(), watched.trace().along("level")
    often = torch.full(
        (len(names),), math.inf, dtype=torch.float64
    )  # who keeps nothing leaves no marks
    for clock, marks, tokens in (("step", "wrote", 8), ("token", "wrote in context", 1)):
        here = [i for i, name in enumerate(log["clock"]) if name == clock]
        if here:
            often[here] = frequency(torch.tensor(log[marks][here]).double())[0] / tokens
    needs = [
        [float(other in watched.levels.needs[one]) for other in names] for one in names
    ]
    level = order_levels(often, torch.tensor(needs).double()).tolist()
    return [
        [n for n, at in zip(names, level, strict=True) if at == k]
        for k in sorted(set(level))
    ]


# %%
def system(layers, optimizer, **how):
    """A network around some layers that read, trained and watched."""
    torch.manual_seed(0)
    model = Blocks(*layers)
    return train(model, optimizer(model.parameters(), **how))


hebb, titans = (nl.nested.MemoryLayer(16, rule) for rule in (nl.Hebb(), nl.Titans()))
systems = {
    "MLP and SGD": system([], torch.optim.SGD, lr=0.1),
    "MLP and Adam": system([], torch.optim.Adam),
    "Transformer and Adam": watched,
    "linear attention and momentum": system([hebb], torch.optim.SGD, lr=0.01, momentum=0.9),
    "Titans and Adam": system([titans], torch.optim.Adam),
    "three clocks and SGD": clocks,
}

# %%
found = {name: ladder(one) for name, one in systems.items()}
for name, order in found.items():
    same = "as by hand" if order == by_hand[name] else f"by hand {by_hand[name]}"
    print(f"{name:>30}: {' < '.join(' = '.join(level) for level in order)}   ({same})")

# %% [markdown]
# A `<` is a step outwards, an `=` stands between two that are independent. Adam and Transformer: three levels, four
# things.
#
# ## A Transformer, taken apart and put together again
#
# "Well-known architectures such as Transformers are in fact linear layers with different frequency updates", says the
# paper. One can test that. Hebb's rule gave linear attention: a matrix M, read as M x, written at every token (lesson
# 6). Now start it at the weights of a layer and let it write with rate **0**. **Predict** how many digits agree.

# %%
W, x = block.linear1.weight.detach(), rows[:16]
values = torch.randn(16, 8, 32)
for rate in (0.0, 0.01):
    start = W.expand(16, 32, 8)
    said, after = nl.memory.scan(nl.Hebb(lr=rate), x, values, x, state=start)
    print(f"write rate {rate}: says the same {torch.equal(said, linear(x, W))}, ", end="")
    print(f"is the same afterwards {torch.equal(after, start)}")

# %% [markdown]
# All of them: `torch.equal` lets no difference pass, however small. **A linear layer is linear attention with a learned
# start that has stopped writing.** Or, read backwards: linear attention is a linear layer with one level more (Nested
# Learning, section 3.2).
#
# So put the trained Transformer block together from nothing but such memories, and see what else it takes:

# %%
still = nl.Hebb(lr=0.0)


def put_together(x, block, heads=2):
    """A Transformer block from memories that have stopped writing."""
    a = block.self_attn
    q, k, v = (still.read(a.in_proj_weight, x) + a.in_proj_bias).chunk(3, dim=-1)
    q, k, v = (one.unflatten(-1, (heads, -1)).transpose(1, 2) for one in (q, k, v))
    seen = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1) @ v  # anew at every read
    seen = seen.transpose(1, 2).flatten(2)
    x = block.norm1(x + still.read(a.out_proj.weight, seen) + a.out_proj.bias)
    hidden = torch.relu(still.read(block.linear1.weight, x) + block.linear1.bias)
    return block.norm2(x + still.read(block.linear2.weight, hidden) + block.linear2.bias)


print(f"largest difference {(put_together(x, block) - block(x)).abs().max():.0e}")

# %% [markdown]
# Single precision, as good as equal (the softmax adds up in another order). So the sentence is true **of the
# matrices**: all four are one kind of thing, read in one way. What it leaves out you had to type yourself: the softmax,
# which is no linear layer of any frequency; the ReLU, the norms, the sums. "Linear layers with different frequencies"
# is how a Transformer is *held together in time*, not all that it computes.
#
# The same from the other side. A continuum memory system (lesson 9) is a chain of MLPs with clocks. Give it **one**
# level, and the period *never*:

# %%
inner = torch.nn.Sequential(block.linear1, torch.nn.ReLU(), block.linear2)
for period in (math.inf, 4):
    cms = nl.nested.SequentialCMS.from_mlp(inner, periods=(period,), lr=0.1)
    state = cms.init(batch=16)
    for _ in range(20):
        said, state = cms(x, state)
        state = cms.learn(said.square().mean((1, 2)), state)
    print(f"period {period}: {state['writes'][0]} writes, ", end="")
    print(f"the Transformer's MLP block: {torch.equal(cms(x, state)[0], inner(x))}")

# %% [markdown]
# Bit for bit again, after twenty losses that it did not listen to. In the usual Transformer there are two clocks: *at
# every read* and, once training is over, *never*. The paper's proposal is to fill the space between them.
#
# ## The whole ladder
#
# So fill it. One network with a frozen layer that was made elsewhere, attention, a Titans memory, and three blocks with
# clocks 1, 4 and 16, all trained by momentum. What stands after the dashes ┄ is what **your** `frequency` reads off
# this log.

# %%
torch.manual_seed(0)
layers = nl.nested.AttentionLayer(16, heads=2), nl.nested.MemoryLayer(16, nl.Titans())
everything = Blocks(*layers)
everything.lift.requires_grad_(False)
whole = train(everything, three_clocks(everything, momentum=0.9))

# %%
nl.widgets.clockwork(whole.trace(), fn=frequency, like=torch.zeros(1).double())

# %% [markdown]
# **Play, with a goal.**
#
# 1. Begin with *the weights*. Press *its next write* for block 3. How much has block 1 done meanwhile, and what does
#    that write see?
# 2. Switch on everything the optimizer keeps. Which of those velocities stand still, and for how long?
# 3. Step token by token over the end of an image. Who loses its state there, and who does not notice?
#
# <details><summary>What others saw</summary><br>1: sixteen writes; the last write of block 3 saw 128 tokens of time,
# all sixteen steps at once, 32 images in each. 2: the velocity of a block is written when the block is, so the slow
# block has a slow velocity: momentum 0.9 there counts writes, not steps. 3: Titans' memory and its past surprise begin
# anew with each sequence, and attention sees only its own. The weights notice nothing; they are written
# there.</details>

# %% [markdown]
# ## Pre-training is in-context learning, with a very long context
#
# That is a claim of the paper (section 6), and it sounds larger than it is. Here is a case in which it is exactly true.
# A linear layer, trained by plain gradient steps on one example at a time; and a matrix memory with the delta rule
# (lesson 6), which reads the 1,400 examples as **one sequence** of keys and values, and is not told that this is
# training.

# %%
exact = nl.tasks.digits(seed=0, dtype=torch.float64)
keys, targets = exact.x, one_hot(exact.y, 10).double()
layer = torch.nn.Linear(64, 10, bias=False, dtype=torch.float64)
torch.nn.init.zeros_(layer.weight)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
for key, target in zip(keys, targets, strict=True):
    optimizer.zero_grad()
    (0.5 * (layer(key) - target).square().sum()).backward()
    optimizer.step()


# %%
def read(context):
    """What a delta memory holds after a context of pairs: (10, 64)."""
    k, v = keys[None, context], targets[None, context]
    return nl.memory.scan(nl.Delta(lr=0.01), k, v, k)[1][0]


print(f"largest difference {(read(slice(0, 1400)) - layer.weight).abs().max():.0e}")

# %% [markdown]
# The same numbers: training this layer *is* reading one long context. What, then, is the difference between the two?
# The **length** of the context, and what happens when it ends. A memory in a context is thrown away there. Weights are
# kept.

# %%
lengths = (1, 3, 10, 30, 100, 300, 1000)
right = []
for n in lengths:
    contexts = [read(slice(at, at + n)) for at in range(0, 1401 - n, max(n, 140))]
    said = torch.stack([(exact.x_test @ M.T).argmax(1) for M in contexts])
    right.append((said == exact.y_test).double().mean().item())
curve = {"delta memory, rate 0.01": right}
nl.figures.lines(lengths, curve, x="pairs in the context", y="unseen digits right", log="x")

# %% [markdown]
# One curve, no border on it: at ten pairs we would say "in context", at a thousand "pre-trained". And the limits of the
# claim are as plain. It is exact for a linear layer, one example a step, this rule. In a deep network the gradient of
# one layer depends on all the others while they move. And nothing here says that a Transformer with a longer *window*
# would learn what pre-training learns: attention keeps tokens, weights compress them, and those are two different rules
# on one ladder.

# %% [markdown]
# ## The claims
#
# > (i) For each of six systems the order recovered from the log, and from who needs whom, is the one derived by hand.
# > (ii) Writes dealt out at random, and jittered ones, are given no period. (iii) A linear layer is linear attention with
# > a learned start and write rate 0; a CMS of one level that is never written is the Transformer's MLP block: bit for
# > bit.

# %%
kept = nl.memory.scan(still, x, values, x, state=W.expand(16, 32, 8))[0]
never = nl.nested.SequentialCMS.from_mlp(inner, periods=(math.inf,))
claims = {
    "(i) six orders, by log and needs, and by hand": found == by_hand,
    "(ii) dealt out: no period": not frequency(dealt)[1].any(),
    "(ii) jittered: no period": not frequency(jittered)[1].any(),
    "(iii) linear layer = linear attention that stopped": torch.equal(kept, linear(x, W)),
    "(iii) MLP block = CMS that is never written": torch.equal(never(x)[0], inner(x)),
}
for words, holds in claims.items():
    print("holds" if holds else "FAILS", words)

# %% [markdown]
# (Two tests of the package hold the third as well:
# `test_a_linear_layer_is_linear_attention_with_a_learned_start_and_write_rate_0` and
# `test_a_continuum_memory_of_one_level_that_is_never_written_is_the_mlp_block_of_a_transformer`.)
#
# ### Where it stops
#
# **At what nobody has described.** Here is an optimizer that somebody wrote last night:


# %%
class LastNight(torch.optim.Optimizer):
    """Steps when it feels like it."""

    def step(self):
        for w in self.param_groups[0]["params"]:
            if torch.rand(()) < 0.5:
                w.data = w.data - 0.05 * w.grad


torch.manual_seed(0)
strange = train(mlp, LastNight(mlp.parameters(), {}), x=digits.x, tokens=1)
print(strange.levels.table(strange.trace()))

# %% [markdown]
# The description says *unknown*, and why. The log says that the weights are written, at no period. Both are right, and
# neither was made up.
#
# **At equal frequency.** `exp_avg` stands one line above `exp_avg_sq` in the program, and that means nothing: neither
# needs the other. Definition 2 gives no order there, nor to levels that need each other in a circle (your function
# gives some numbers for those; they mean nothing). So "how many levels?" has an answer only after you have said what
# counts as one component.
#
# **At what a period means.** A period says how often something is written. It does not say how much, how long it lasts,
# or that slow things forget less. That is the next lesson, and the answer is not the one you expect.

# %% [markdown]
# ## Quiz

# %%
nl.widgets.quiz(nl.questions("08"))

# %% [markdown]
# ## What breaks it, and where to read on
#
# * **Tokens or steps?** A memory counts tokens, an optimizer steps. `tokens_per_step` makes one time of the two; forget
#   it, and everything seems to tick together.
# * **Chunks.** A layer that computes sixteen tokens at once is listed as "every token": each token's read sees the
#   writes before it. Where the *gradient* is taken only at the chunk's start, it is older than the state.
# * **Frozen, tied, thawed.** A frozen layer has the period *never*; a tied one is listed once, with both names; one
#   that thaws half-way is irregular, and rightly so.
#
# Behrouz et al., *Nested Learning*, Definition 2 and sections 3.1 to 3.3 and 6. · Schlag, Irie & Schmidhuber, *Linear
# Transformers are secretly fast weight programmers* (2021). · Koutník et al., *A clockwork RNN* (2014). · Schmidhuber,
# *Learning to control fast-weight memories* (1992).

# %% [markdown]
# ## Now yours
#
# Put your own model and optimizer here, with one input it accepts. What do you expect, before you run it?

# %%
mine = torch.nn.GRU(8, 16, batch_first=True)
my_optimizer = torch.optim.AdamW(mine.parameters())
example = torch.randn(1, 5, 8)
my_levels = nl.nested.levels(mine, my_optimizer, example=example, tokens_per_step=5)
print(my_levels.table())
nl.figures.levels(my_levels.trace())

# %% [markdown]
# ## Exit ticket
#
# 1. Four things are learning inside Adam and Transformer. Which, on how many levels, and why do two share one?
# 2. A level was written on 25 of 100 steps. What would you have to see to say that its period is 4?
# 3. What does a linear layer lack to be linear attention, and what does the sentence "a Transformer is linear layers of
#    different frequency" leave out?

# %%
nl.progress()
