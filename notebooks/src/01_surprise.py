# %% [markdown]
# # 1 · A gradient is a surprise
#
# **When a network makes no mistake on an example, what does it store about it? And when it makes a big one?**
#
# Most people answer: *the example, either way. That is what training is.* Run the cells one by one with
# **Shift+Enter**, place your bet, then press play. (In a hurry, **Run ▸ Run All Cells** is safe at any time: nothing is
# downloaded or lost.)

# %%
import torch
from torch.nn.functional import cross_entropy

import nlviz as nl

digits = nl.tasks.digits(seed=0, dtype=torch.float64)
few = slice(0, 40)
nl.widgets.ledger(digits.x[few], digits.y[few])

# %% [markdown]
# Each bar is one example the network met, as tall as its surprise. The ten squares are the network, all of it: 8 × 8
# weights for each answer it can give. Drag the marker back and the squares forget what came later.
#
# **At the end of this lesson you can**
#
# * compute the surprise of any layer of any network, and predict what one gradient step writes into it;
# * show that a trained layer is nothing but the sum of those writes;
# * rank 1,400 real images by how much they surprised a network, and say which part of the ranking is luck;
# * show in two lines and to ten digits that one gradient step is the *exact* solution of a small memory problem, and
#   where that stops.
#
# 70 minutes. You need [lesson 0](00_start.ipynb), matrix times vector, and the derivative of a square.

# %% [markdown]
# ### Warm-up: two things to remember
#
# <details><summary><b>1.</b> The outer product of u (2 numbers) and x (3 numbers): which shape, and how many
# independent rows?</summary><br>2 × 3, and one: every row is a multiple of x. A matrix of this kind has rank
# 1.</details>
#
# <details><summary><b>2.</b> The loss is ½ (y − t)². How does it change when y grows a little?</summary><br>By (y − t)
# for each unit: the derivative of the loss by the output <i>is</i> the error.</details>

# %% [markdown]
# ## The smallest case, by hand
#
# A layer with three inputs, two outputs and nothing in it yet. It sees x = (1, 0, 2) and should have said (1, −1).
# Its loss is half the squared distance, ½ ‖y − t‖².
#
# **Predict**: `W.grad` will be a 2 × 3 table. Which of its columns will be empty, and why?

# %%
W = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
x = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
wanted = torch.tensor([1.0, -1.0], dtype=torch.float64)

# %%
y = W @ x
loss = 0.5 * (y - wanted).square().sum()
loss.backward()
W.grad

# %% [markdown]
# The middle column: its input was 0. A weight whose input was silent had no part in the mistake, so it learns nothing.
#
# Now the same table without autograd. The error at the output is y − t, here (−1, 1). Put it beside x:

# %%
u = (y - wanted).detach()
nl.memory.outer(u, x)

# %% [markdown]
# The same six numbers. That is no accident: raising the weight from input j to output i raises output i by x_j, and
# each unit of output i raises the loss by u_i. So the weight's share is u_i x_j, for every i and j at once:
#
# $$\frac{\partial L}{\partial W} = u\,x^{\top}, \qquad u = \frac{\partial L}{\partial y}
# \qquad\text{and one step writes}\qquad W \leftarrow W - \text{lr}\; u\,x^{\top}.$$
#
# Read this as a page in a notebook. The input **x is the key**: where to write. The **value is −u**: what to say there
# next time, namely the opposite of the error. We call **u the surprise** (the paper: *local surprise signal*; Nested
# Learning, eqs. 7-9). The table u xᵀ is the **tile** that the step lays on W, as strong as the surprise, ‖u‖, times the
# brightness of the input, ‖x‖. (Above, it is the same image on each of the ten squares, in ten strengths.)
#
# So what is stored about an example without a mistake? Let the layer get this one exactly right, and ask again.

# %%
fitted = W.detach() - nl.memory.outer(u, x) / x.dot(x)
still_wrong = fitted @ x - wanted
nl.memory.outer(still_wrong, x)

# %% [markdown]
# **Nothing.** Not a little: six zeros. A gradient does not store examples. It stores what was wrong about them.
# (*Right* is not yet *without mistake*: in the picture above the layer was right and 75 % sure, and still surprised by
# 0.29.)
#
# > **Go on if you can say** what the second tile looks like if the first step goes only half of the way. (Rerun the
# > cell above with `/ (2 * x.dot(x))`: half of the mistake is left, so the tile is half as strong.)

# %% [markdown]
# ## And deep inside a network?
#
# A layer in the middle has no target of its own. But it has an output, the loss depends on that output, and so it has a
# surprise: backpropagation is the machine that delivers to every layer its own. Two layers, 4 → 5 → 3:

# %%
torch.manual_seed(0)
first, second = (
    torch.randn(shape, dtype=torch.float64, requires_grad=True)
    for shape in [(5, 4), (3, 5)]
)
image = torch.randn(4, dtype=torch.float64)
inside = first @ image
outside = second @ torch.tanh(inside)
loss = cross_entropy(outside, torch.tensor(2))

# %%
g_first, g_second, u_first, u_second = torch.autograd.grad(
    loss, (first, second, inside, outside)
)
print(torch.dist(g_first, nl.memory.outer(u_first, image)).item())
print(torch.dist(g_second, nl.memory.outer(u_second, torch.tanh(inside))).item())

# %% [markdown]
# Zero and zero. For one example, every linear layer of every network writes the same kind of page: *its own input → its
# own surprise, sign turned* (Nested Learning, eqs. 29-31). That is all the mathematics of this lesson. The rest is
# looking at it.

# %% [markdown]
# ## Exercise 01.A · the surprise of a classifier
#
# For ten digits the network gives ten scores, y = W x. Softmax turns scores into probabilities, and the loss is
# −log(probability of the true digit). Its surprise has a short form that you can guess: *what it believed, minus what
# was true.*
#
# **Predict** first: the network knows nothing, all ten scores are 0, and the image is a 6. How large is ‖u‖?


# %% exercise="01.A"
def surprise(W: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The derivative of the cross-entropy by the scores W x.

    W: (10, 64) weights. x: (64,) image. y: () the true digit. Returns (10,).
    """
    ### BEGIN SOLUTION
    u = torch.softmax(W @ x, dim=-1)
    u[y] -= 1
    return u
    ### END SOLUTION


# %%
nl.check("01.A", surprise)

# %% [markdown]
# Stuck? Type `nl.hint("01.A")` into a new cell (**B** makes one below), again for a bigger hint; `nl.solution("01.A")`
# unfolds ours. The lesson goes on either way, with your function if it passed and with ours if not:

# %%
surprise = nl.carry_on("01.A", surprise)
nothing = torch.zeros(10, 64, dtype=torch.float64)
surprise(nothing, digits.x[0], digits.y[0])

# %% [markdown]
# 0.1 on every wrong digit, −0.9 on the true one: ‖u‖ = √(0.9² + 9 · 0.1²) ≈ 0.95. An ignorant network is almost as
# surprised as one can be without being *sure of something false*: certainty in a wrong digit costs √2 ≈ 1.41.

# %% [markdown]
# ## Play, with a goal
#
# The same picture as at the top; the coloured caps on the bars are **your** function and should sit on top of them.
# Predict before each move, and say in a sentence what you saw after it.
#
# 1. Press *repeat one example*. Find the smallest step size at which the fifth visit surprises it by less than 0.1.
# 2. Pick a digit and give it a wrong name. Where does the tower stand in the ledger, and which two squares does it
#    change most?
# 3. Bigger steps, faster learning? Find a step size that leaves the network right on *fewer* images. Why?

# %%
nl.widgets.ledger(digits.x[few], digits.y[few], fn=surprise)

# %% [markdown]
# <details><summary>What others saw</summary><br>1: at 0.2 (0.1 leaves 0.23). Each visit leaves less than the one
# before, and never nothing. 2: at the relabelled digit; the square of the name you gave gets the image, that of the
# name it believed loses it. 3: at 5, say: 26 of 40 instead of 36. Every write overshoots and breaks what earlier ones
# wrote, so the network is loud and keeps being surprised.</details>

# %% [markdown]
# ## Exercise 01.B · one page in the notebook
#
# Now the write itself. **Predict**: after `W_new = remember(W, x, u, lr)`, does W_new x lie further along u than W x,
# or further against it?


# %% exercise="01.B"
def remember(W: torch.Tensor, x: torch.Tensor, u: torch.Tensor, lr: float) -> torch.Tensor:
    """One gradient step of a linear layer, as a new matrix (W itself stays as it is).

    W: (d_out, d_in). x: (d_in,) its input. u: (d_out,) the surprise at its output.
    Returns (d_out, d_in).
    """
    ### BEGIN SOLUTION
    return W - lr * torch.outer(u, x)
    ### END SOLUTION


# %%
nl.check("01.B", remember)

# %%
remember = nl.carry_on("01.B", remember)

# %% [markdown]
# In the package this write has a name that is much older than backpropagation: it is **Hebb's rule**, with minus the
# surprise as the value. With the error of a linear layer as the value it has been known since 1960 as the delta rule
# (lesson 6).

# %%
u = surprise(nothing, digits.x[0], digits.y[0])
M, _ = nl.Hebb(lr=0.1).write(nothing, key=digits.x[0], value=-u)
torch.dist(M, remember(nothing, digits.x[0], u, lr=0.1))

# %% [markdown]
# ## Real data: 1,400 digits, one pass
#
# No toy left. Your two functions, every image once, one write each. We keep the ledger: all surprises, in order.


# %%
def one_pass(x, y, lr=0.1):
    """Every example once: the weights (10, 64) and the ledger (n, 10), one surprise a row."""
    W, ledger = torch.zeros(10, 64, dtype=x.dtype), []
    for key, label in zip(x, y, strict=True):
        ledger.append(surprise(W, key, label))
        W = remember(W, key, ledger[-1], lr)
    return W, torch.stack(ledger)


# %%
W, ledger = one_pass(digits.x, digits.y)
correct = (digits.x_test @ W.T).argmax(1) == digits.y_test
print(f"{correct.double().mean():.1%} of the {len(correct)} digits it never saw")
nl.figures.tiles(W, title="What 1,400 surprises wrote, a square for each answer")

# %% [markdown]
# Nobody drew it a 0; it was only told, image by image, which are zeros. Yet the square of the 0 is warm on a ring and
# cold in its middle.
#
# ### The ledger adds up
#
# **Predict**: throw W away and keep only the ledger. Can you get W back? All of it?

# %%
rebuilt = -0.1 * ledger.T @ digits.x
print(f"largest difference to W: {(rebuilt - W).abs().max():.0e}")

# %% [markdown]
# One matrix product. A layer trained by plain gradient steps **is** the sum of its writes, W_T − W_0 = −lr Σ u xᵀ, key
# by key. (*Linear attention*, which you will meet in lesson 6, is a sum of the same form: keys, values, and a matrix
# that holds them.)
#
# > **One trap.** The sum looks as if all pages could be written at once. They cannot, and give the same memory: each
# > surprise depends on the pages before it. The values are made *by the memory they are written into* (the paper:
# > *self-referential*; eq. 58). Here is what happens if one asks the empty network for all its surprises in advance:

# %%
in_advance = torch.stack(
    [surprise(nothing, x, y) for x, y in zip(digits.x, digits.y, strict=True)]
)
at_once = -0.1 * in_advance.T @ digits.x
hasty = (digits.x_test @ at_once.T).argmax(1) == digits.y_test
print(
    f"page by page {correct.double().mean():.1%}, all at once {hasty.double().mean():.1%}"
)

# %% [markdown]
# Not nothing: all at once is the plain sum of each class's images, less a tenth of the sum of all. The nine points
# between are what the layer gained by knowing what it already knew.
#
# ## Which digits surprised it most?
#
# Surprise is large early in a pass, when everything is new. To compare *images* we let each take every place: ten
# passes in ten orders, and the mean surprise of each image over them.


# %%
def mean_surprise(x, y, orders):
    """Mean ‖u‖ of every example over several orders: (n,). `y(k)` gives the labels of order k."""
    total = torch.zeros(len(x), dtype=x.dtype)
    for k in orders:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(k))
        total[order] += one_pass(x[order], y(k)[order])[1].norm(dim=1)
    return total / len(orders)


# %%
surprised = mean_surprise(digits.x, lambda k: digits.y, orders=range(10))
most = surprised.argsort(descending=True)[:20]
captions = [f"{digits.y[i]}\n{surprised[i]:.2f}" for i in most.tolist()]
nl.figures.digits(
    digits.x[most], captions, title="The twenty most surprising, with their true labels"
)

# %%
least = surprised.argsort()[:20]
captions = [f"{digits.y[i]}\n{surprised[i]:.2f}" for i in least.tolist()]
nl.figures.digits(digits.x[least], captions, title="The twenty least surprising")

# %% [markdown]
# Could you read the upper twenty yourself? They are the ones with a flag, the fours on their way to a nine, the slanted
# and the smeared. The lower twenty are mostly as one would draw them.
#
# ### The control: is that a fact about the digits?
#
# *Any* list of 1,400 numbers has a top twenty. If the ranking says something about the digits, two things must hold,
# and both must fail when the labels mean nothing: a few images hold much of the surprise, and other orders find the
# same images. **Predict** what shuffled labels (a new shuffle for every pass) do to each.


# %%
def shuffled(k):
    """The labels in an order of their own."""
    return digits.y[
        torch.randperm(len(digits.y), generator=torch.Generator().manual_seed(1000 + k))
    ]


# %%
control = mean_surprise(digits.x, shuffled, orders=range(10))
nl.figures.ranking(surprised, control, names=("true labels", "shuffled labels"))


# %%
def agreement(a, b):
    """Spearman's rank correlation of two lists."""
    return torch.corrcoef(
        torch.stack([a.argsort().argsort(), b.argsort().argsort()]).double()
    )[0, 1].item()


# %%
again = mean_surprise(digits.x, lambda k: digits.y, orders=range(10, 20))
control_again = mean_surprise(digits.x, shuffled, orders=range(10, 20))
for name, one, other in (
    ("true", surprised, again),
    ("shuffled", control, control_again),
):
    share = one.topk(280).values.sum() / one.sum()
    both = set(one.topk(20).indices.tolist()) & set(other.topk(20).indices.tolist())
    print(f"{name} labels: the top fifth of the images holds {share:.0%} of all surprise;")
    print(
        f"   ten other orders: agreement {agreement(one, other):.2f}, {len(both)} of the top 20 again"
    )

# %% [markdown]
# With true labels the ranking comes back in other orders: most of it is the images, the rest is the luck of the order.
# With labels drawn anew for every pass almost nothing comes back, and part of the little that does is brightness:
# bright images weigh more. (One and the same wrong list in every pass gives about 0.3: those surprises are facts about
# the list.) So the ranking is a fact about these digits *for this network*: a one-layer network finds odd what a deeper
# one may find easy.

# %% [markdown]
# ## The claim
#
# > **One gradient step is the exact solution of a small memory problem.** Of all matrices, W − lr u xᵀ is the one that
# > best balances two wishes: *answer this key against the error*, and *stay close to what you were* (Nested Learning,
# > eqs. 2 and 9):
#
# $$\arg\min_{V}\;\; \langle V x,\, u\rangle \;+\; \frac{1}{2\,\text{lr}}\,\lVert V - W\rVert^2 .$$
#
# Two lines: the slope in V is u xᵀ + (V − W) / lr. Set it to zero, and V = W − lr u xᵀ.
#
# You need not believe it. `solve` knows nothing of gradient descent: it asks autograd for slope and curvature of
# whatever function it is given and jumps to the bottom, which for a bowl-shaped (quadratic) function takes one jump.


# %%
def solve(problem, start, jumps=1):
    """The minimiser of a smooth bowl, by Newton's method."""
    V = start.flatten()
    for _ in range(jumps):
        slope = torch.autograd.functional.jacobian(problem, V)
        V = V - torch.linalg.solve(torch.autograd.functional.hessian(problem, V), slope)
    return V.view_as(start)


# %%
def small_memory_problem(W, x, u, lr):
    """Two wishes: answer x against u, stay close to W."""
    return lambda V: (V.view_as(W) @ x) @ u + (V - W.flatten()).square().sum() / (2 * lr)


# %%
worst = 0.0
for seed in range(100):
    torch.manual_seed(seed)
    W, x, u = (torch.randn(shape, dtype=torch.float64) for shape in [(3, 4), (4,), (3,)])
    exact = solve(small_memory_problem(W, x, u, lr=0.3), start=W)
    worst = max(worst, (exact - remember(W, x, u, lr=0.3)).abs().max().item())
print(f"largest difference in 100 random cases: {worst:.0e}")
print("the claim holds" if worst < 1e-10 else "the claim FAILS")

# %% [markdown]
# ### Where it fails
#
# In the small problem ⟨V x, u⟩ stands for the loss: a straight line with the loss's slope *at the old W*. Put the true
# loss in its place, *be right about this example and stay close to what you were*, and solve that. **Predict**: for
# which step sizes is the gradient step still nearly the solution?


# %%
def honest_memory_problem(W, x, y, lr):
    """Two wishes: be right about x, stay close to W."""
    return lambda V: (
        cross_entropy(V.view_as(W) @ x, y) + (V - W.flatten()).square().sum() / (2 * lr)
    )


# %%
def gap(lr, W, x, y):
    """Distance of the gradient step from the honest solution, as a share of the step."""
    step = remember(W, x, surprise(W, x, y), lr)
    honest = solve(honest_memory_problem(W, x, y, lr), W, jumps=30)
    return (torch.dist(step, honest) / torch.dist(step, W)).item()


# %%
torch.manual_seed(0)
W, x = torch.randn(3, 4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
gaps = [gap(lr, W, x, torch.tensor(1)) for lr in rates]
nl.figures.lines(
    rates, {"gap": gaps}, x="step size", y="gap, as a share of the step", log="xy"
)

# %% [markdown]
# For small steps a straight line of slope one: half the step size, half the gap. Beyond about 0.3 it bends, as the gap
# can hardly exceed the step: there the gradient step keeps trusting a slope that it has long left behind and
# overshoots, and you have seen in the widget what that looks like. Every optimizer in this course is one answer to the
# question *how far may I trust this surprise?*

# %% [markdown]
# ## Quiz

# %%
nl.widgets.quiz(nl.questions("01"))

# %% [markdown]
# ## What breaks it, and where to read on
#
# * **Batches.** Average over n examples and one step writes n tiles at once: rank up to n. Surprises that disagree
#   cancel before anything is stored. Nothing else changes.
# * **Other layers.** A bias is a key that is always 1. A convolution writes one tile for every place it looked at.
# * **"The gradient is a memory" is a way of reading**, not a new algorithm: all numbers of this lesson are those of
#   ordinary gradient descent. What the reading buys comes next: if a step is a *write*, one may ask what writes do to
#   each other, and change the rule.
#
# Behrouz et al., *Nested Learning* (NeurIPS 2025, arXiv 2512.24695), sections 2, 3.1, 4.1 and 4.5. · Widrow & Hoff,
# *Adaptive switching circuits* (1960). · Parikh & Boyd, *Proximal algorithms* (2014), for the honest problem and for
# the gradient step.

# %% [markdown]
# ## Exit ticket
#
# Answer in a sentence each; a teacher may ask for them.
#
# 1. What does a gradient step store about an example the network already gets right?
# 2. Name key and value of a gradient step, and say what decides how strong its tile is.
# 3. Why did the shuffled labels belong in this lesson?

# %%
nl.progress()
