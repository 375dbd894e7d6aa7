"""Learners for streams, ours and the baselines: `predict(x)` and `learn(x, y)`, x `(runs, batch, d)`."""

from .elastic import Elastic
from .ewc import EWC
from .families import OURS, Family, home_and_away_table, references, single_rates
from .gated import Gated
from .learned import LearnedGate
from .levels import Levels
from .network import Network
from .outside import PartialFit
from .rates import RunRates
from .replay import Replay

__all__ = [
    "EWC",
    "OURS",
    "Elastic",
    "Family",
    "Gated",
    "LearnedGate",
    "Levels",
    "Network",
    "PartialFit",
    "Replay",
    "RunRates",
    "home_and_away_table",
    "references",
    "single_rates",
]
