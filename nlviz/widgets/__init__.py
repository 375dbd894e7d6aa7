"""Pictures with controls, drawn by the browser: in JupyterLab, and on a plain page without a kernel."""

from .forgetting import overwriting
from .frequency_mixer import mixer
from .gradient_tape import tape
from .pages import page
from .self_test import quiz
from .surprise_ledger import ledger
from .trace_player import player

__all__ = ["ledger", "mixer", "overwriting", "page", "player", "quiz", "tape"]
