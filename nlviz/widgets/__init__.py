"""Pictures with controls, drawn by the browser: in JupyterLab, and on a plain page without a kernel."""

from .forgetting import overwriting
from .frequency_mixer import mixer
from .gradient_tape import tape
from .level_clockwork import clockwork
from .pages import page
from .rebinding import rebind
from .recorder import flight_recorder
from .self_test import quiz
from .surprise_ledger import ledger
from .trace_player import player

__all__ = ["clockwork", "flight_recorder", "ledger", "mixer", "overwriting", "page", "player", "quiz", "rebind", "tape"]
