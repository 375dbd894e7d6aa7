"""The README keeps its word: its code runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import re

import numpy as np

from nlviz.lab import growth, kept, untrained
from nlviz.measure import mean_interval
from nlviz.runtime import project
from nlviz.trace import Trace

ROOT = project()
TEXT = (ROOT / "README.md").read_text("utf8")


def test_the_ten_lines_run(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("squared error") == 2


def test_every_link_and_picture_is_there():
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_every_lesson_there_is_has_a_line():
    for master in (ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py"):
        assert f"notebooks/{master.stem}.ipynb" in TEXT, master.stem


def test_every_command_is_known_to_start():
    help_of_start = (ROOT / "start.py").read_text("utf8").split('"""')[1]
    for command in set(re.findall(r"python3 start\.py (\w+)", TEXT)):
        assert f"start.py {command}" in help_of_start, command


def test_the_table_of_language_models_is_the_one_that_is_kept():
    trace = kept("language_models")
    bits, seconds = trace["bits per byte"].mean(1), np.median(trace["seconds"], axis=1)
    models, rows = trace.along("model"), []
    for row in np.argsort(bits):
        mean, half = mean_interval(trace["bits per byte"][row])
        rows.append(f"| {models[row]} | {mean:.2f} ± {half:.2f} | {trace['parameters'][row]:,} | {seconds[row]:.0f} |")
    orders = ", ".join(map(str, trace.along("order")))
    rows.append(f"| n-grams of order {orders} | {', '.join(f'{n:.2f}' for n in trace['n-grams'])} | | |")
    assert "\n".join(rows) in TEXT


def test_what_is_said_of_the_language_models_is_so():
    trace, text = kept("language_models"), " ".join(TEXT.split())
    bits = dict(zip(trace.along("model"), trace["bits per byte"].mean(1), strict=True))
    seconds = dict(zip(trace.along("model"), np.median(trace["seconds"], axis=1), strict=True))
    assert f"gated Delta needs {bits['Hope'] - bits['gated Delta']:.2f} bits less and a third of the time" in text
    assert 0.25 < seconds["gated Delta"] / seconds["Hope"] < 0.4
    assert "counting three bytes back needs fewer bits than any of them" in text
    assert trace["n-grams"][3] < min(bits.values())
    assert max(bits.values()) < trace["n-grams"][1]  # every model beats order 1
    rates, chosen, tuning = trace.along("rate"), trace.about["chosen"], dict(zip(bits, trace["tuning"], strict=True))
    assert {name for name in bits if chosen[name] == max(rates)} == {"gated Delta", "Hope"}
    assert "The rates of these two are the largest of the grid" in text
    assert rates[-1] == 2 * rates[-2] == 4 * rates[-3]
    behind = f"{tuning['gated Delta'][-3] - tuning['gated Delta'][-1]:.2f} bits behind in tuning for gated Delta"
    behind += f", and half of it {tuning['Hope'][-2] - tuning['Hope'][-1]:.2f} for Hope"
    assert f"a quarter of the rate is {behind}" in text
    assert f"is worth {bits['attention, no convolution'] - bits['attention']:.2f} bits to attention" in text
    assert trace.sizes["run"] == trace.sizes["rate"] == 5
    assert abs(trace.about["learned"] - 500_000) < 1000
    assert "makes the table anew in less than an hour" in text
    runs = trace.sizes["rate"] + trace.sizes["run"]  # of each model, tuning first
    assert runs * sum(seconds.values()) < 3600


def test_the_table_of_small_tasks_is_the_one_that_is_kept():
    pairs, needle, words = (kept(name) for name in ("mqar", "needle", "parity"))

    def cell(trace, array="accuracy", **where):
        return "{:.0f} ± {:.0f}".format(*mean_interval(100 * trace.select(**where)[array]))

    for model in pairs.along("model"):
        row = [cell(pairs, model=model, pairs=many) for many in (8, 32)]
        row += [cell(needle, model=model, length=at, needles=n, depth=0.5) for n, at in ((1, 64), (1, 1024), (4, 64))]
        row += [cell(words, "whole", model=model, letters=letters) for letters in words.along("letters")]
        assert f"| {model} | {' | '.join(row)} |" in TEXT
    text = " ".join(TEXT.split())
    below, printed = (
        ", ".join(cell(words, "whole", model=control, letters=letters) for letters in words.along("letters"))
        for control in ("Delta, lr < 1", "Hope, explicit")
    )
    assert f"held below once, it does not: {below})" in text
    assert f"as printed, at lr 0.5, three of five runs of Hope on parity diverged** ({printed};" in text
    slower = [100 * words.select(model=f"Hope, lr {lr}", letters="2 to 50")["whole"].mean() for lr in ("0.5", "1", "2")]
    assert "with lr 0.5, 1 and 2 it gets {:.0f}, {:.0f} and {:.0f} % of the short words".format(*slower) in text
    assert words.select(model="Hope, explicit")["diverged"].sum() == 3 == words["diverged"].sum()
    assert not pairs["diverged"].any()
    assert not needle["diverged"].any()
    short = untrained(needle)[1:, 0]  # (memory, needles, depth) in 64 tokens
    assert short[:, 1].all()
    assert not short[:, 0].any()
    assert {trace.about["steps"] for trace in (pairs, needle, words)} == {800}
    assert {trace.sizes["rate"] for trace in (pairs, needle, words)} == {3}
    largest = [rate == max(pairs.along("rate")) for t in (pairs, needle, words) for rate in t.about["chosen"].values()]
    assert f"(the largest in {sum(largest)} of {len(largest)} choices)" in text
    recalled = pairs.select(pairs=32)["accuracy"].mean(-1)
    assert recalled[0] > recalled[-1] > recalled[1:-1].max()


def test_what_is_said_of_tokens_that_come_alone_is_so():
    trace, text = Trace.load(ROOT / "data" / "results" / "bench_generation.npz"), " ".join(TEXT.split())
    grows = dict(zip(trace.along("row"), growth(trace, "cpu"), strict=True))
    memories = [name for name in grows if name not in ("attention", "HopeAttention")]
    assert all(abs(grows[name] - 1) < 0.1 for name in memories)
    assert f"attention {grows['attention']:.1f} times as much in the last quarter as in the first" in text
    late = trace["cpu"][:, -trace.sizes["token"] // 4 :].mean(1)
    speed = {name: late[trace.along("row").index("attention")] / late[i] for i, name in enumerate(grows)}
    assert f"the delta rule makes {speed['Delta']:.2f} times as many tokens as attention" in text
    assert f"self-modifying Titans {speed['SelfModifyingTitans']:.2f} times, Hope {speed['Hope']:.2f} times" in text
