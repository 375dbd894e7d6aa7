"""Optimizers as memories of gradients: one file an idea, and `Optimizer` to train with any of them."""

from .adagrad import AdaGrad
from .adam import Adam, AdamPrinted
from .adapter import Optimizer
from .base import Rule
from .deep_momentum import DeepMomentum
from .delta_momentum import DeltaMomentum, DeltaMomentumPrinted
from .dgd import DGD
from .features import FeatureMomentum
from .grams import Inputs, inputs
from .m3 import M3, M3Printed
from .momentum import Momentum, MomentumEMA, window
from .muon import Muon
from .orthogonal import CUBIC, QUINTIC, newton_schulz, newton_schulz_printed
from .preconditioned import Preconditioned
from .regression import fit, root_mean_square
from .sgd import SGD

__all__ = [
    "CUBIC",
    "DGD",
    "M3",
    "QUINTIC",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamPrinted",
    "DeepMomentum",
    "DeltaMomentum",
    "DeltaMomentumPrinted",
    "FeatureMomentum",
    "Inputs",
    "M3Printed",
    "Momentum",
    "MomentumEMA",
    "Muon",
    "Optimizer",
    "Preconditioned",
    "Rule",
    "fit",
    "inputs",
    "newton_schulz",
    "newton_schulz_printed",
    "root_mean_square",
    "window",
]
