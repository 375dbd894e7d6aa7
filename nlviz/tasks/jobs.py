"""Who has which job: facts that are told when they change, about people who change jobs often or hardly ever.

    Lena: baker    Elena: pilot    Lena: nurse    Omar: judge    Lena: pilot ...     and at the end: who is what?

Names are keys. A name is the sum of its letter triplets, each a direction of its own, so that Lena is near Elena as
two words are, and far from Omar. Jobs are values, directions drawn by lot. Nobody is told twice that nothing has
changed; so a fact may be old and still true.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..runtime import generator
from .base import Task

# fmt: off
NAMES = (
    "Ada", "Aisha", "Amir", "Anna", "Bela", "Carla", "Carlos", "Chen",
    "Dara", "Elena", "Elias", "Farid", "Greta", "Hanna", "Ines", "Ivan",
    "Joana", "Jonas", "Kofi", "Lena", "Lina", "Marco", "Marta", "Nadia",
    "Nils", "Olga", "Omar", "Priya", "Rosa", "Sana", "Tariq", "Yuki",
)
JOBS = (
    "actor", "baker", "carpenter", "dentist", "editor", "farmer", "gardener", "judge",
    "lawyer", "miner", "nurse", "pilot", "plumber", "surgeon", "teacher", "weaver",
)
# fmt: on


@dataclass(frozen=True)
class JobFacts(Task):
    """Names to tell jobs of, and the words for both.

    Args:
        jobs: `(run, job, d)`, the value of each of `JOBS`.
        told: `(run, name)`, at which write, from 0, each name was told last.
    """

    jobs: Tensor
    told: Tensor

    def words(self, answer: Tensor, run: int = 0) -> list[str]:
        """The job that each answer `(Q, d)` of a run points to most."""
        return [JOBS[job] for job in (answer @ self.jobs[run].to(answer).mT).argmax(-1).tolist()]


def job_facts(changes: int = 400, quiet: float = 0.5, d: int = 64, seed: int = 0, runs: int = 20) -> JobFacts:
    """Tell the job of everybody once, then every change; ask everybody's job at the end.

    Args:
        changes: facts told in all, the first 32 of which introduce the 32 people.
        quiet: share of the people, 0 to 1, who change jobs 20 times less often than others.
        d: features of a name and of a job, each of norm 1.
        seed: run i is drawn from seed + i: who is quiet, who changes when, and all directions.
        runs: in one leading axis.

    Returns:
        A Task of keys `(run, changes, d)` and one question a person, in the order of `NAMES`. Chance is 1 / 16.

    Raises:
        ValueError: for fewer facts than people, or a share that is none.

    >>> facts = job_facts(changes=40, runs=1)
    >>> facts.keys.shape, facts.queries.shape
    (torch.Size([1, 40, 64]), torch.Size([1, 32, 64]))
    >>> NAMES[19], facts.words(facts.targets[0])[19], int(facts.told[0, 19])
    ('Lena', 'carpenter', 11)
    """
    if changes < len(NAMES) or not 0 <= quiet <= 1:
        raise ValueError(
            f"job_facts: changes is {len(NAMES)} or more, one for every person, and quiet a share, 0 to 1; "
            f"got changes={changes}, quiet={quiet}"
        )
    drawn = [_run(changes, quiet, d, s) for s in range(seed, seed + runs)]
    keys, values, queries, targets, jobs, told = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    about = dict(seed=seed, runs=runs, changes=changes, quiet=quiet, d=d)
    return JobFacts(keys, values, queries, targets, "job facts", about, jobs, told)


def _run(changes: int, quiet: float, d: int, seed: int) -> tuple[Tensor, ...]:
    """Keys, values, queries, targets, jobs, and when each name was told last."""
    draws, people = generator(seed), len(NAMES)
    names, jobs = _spelled(d, draws), normalize(torch.randn(len(JOBS), d, generator=draws), dim=-1)
    often = torch.ones(people)
    often[torch.randperm(people, generator=draws)[: round(quiet * people)]] = 1 / 20
    later: list[int] = []
    if changes > people:
        later = torch.multinomial(often, changes - people, replacement=True, generator=draws).tolist()
    who = [*torch.randperm(people, generator=draws).tolist(), *later]
    steps = torch.randint(1, len(JOBS), (changes,), generator=draws).tolist()  # to another job than before
    has = torch.randint(len(JOBS), (people,), generator=draws).tolist()
    told, what = [0] * people, []
    for at, (name, step) in enumerate(zip(who, steps, strict=True)):
        has[name] = (has[name] + step) % len(JOBS)
        told[name] = at
        what.append(has[name])
    return names[who], jobs[what], names, jobs[has], jobs, torch.tensor(told)


def _spelled(d: int, draws: torch.Generator) -> Tensor:
    """Every name as the sum of its letter triplets, of norm 1: (name, d)."""
    spelled = [f" {name.lower()} " for name in NAMES]
    triplets = [[word[i : i + 3] for i in range(len(word) - 2)] for word in spelled]
    directions = {triplet: torch.randn(d, generator=draws) for word in triplets for triplet in word}
    return normalize(torch.stack([torch.stack([directions[t] for t in word]).sum(0) for word in triplets]), dim=-1)
