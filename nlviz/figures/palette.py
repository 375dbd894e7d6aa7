"""One palette for figures and widgets: ink on paper, five levels, one colour a rule.

The five level colours run from fast (warm) to slow (cold). The smallest CIELAB distance of any two, under full
deutan, protan or tritan simulation, is 17 or more in both themes, and each has a contrast of 3 or more with its
paper: enough for marks. Words in a level colour only in slots 0, 2 and 4; else ink. Nothing is said by colour alone.
"""

from __future__ import annotations

LIGHT = ("#b83a0e", "#c08a00", "#007f5f", "#4a9bdb", "#38308f")
DARK = ("#f47b3f", "#f6cf5c", "#1fb386", "#86ccff", "#9a7bff")
ACCENT = {"light": "#a21a5b", "dark": "#ff9ac8"}  # focus, playhead, a bet, "your function"; never a level
INK = {"light": "#1b1b1b", "dark": "#ececec"}
SOFT = {"light": "#595959", "dark": "#b0b0b0"}  # second-rank words, axes
HAIR = {"light": "#dcdcdc", "dark": "#454545"}  # grid and hair lines
PAPER = {"light": "#ffffff", "dark": "#111111"}

_SLOT = {
    "Hebb": 0,
    "Attention": 1,
    "Deep": 2,
    "DGD": 2,
    "Titans": 3,
    "Delta": 4,
    "Omega": 1,
}


def colour(name: str | int) -> str:
    """The colour of a rule or of a level: `colour("Delta")`, `colour(0)`. Light theme; figures translate.

    Raises:
        KeyError: for a rule without a slot.

    >>> colour("Delta") == colour(4)
    True
    """
    if isinstance(name, int):
        return LIGHT[name % len(LIGHT)]
    if (own := own_colour(name)) is None:
        raise KeyError(f"no colour is kept for {name.split('(')[0]!r}; give it a slot in nlviz/figures/palette.py")
    return own


def own_colour(name: str) -> str | None:
    """The colour of the rule that a name begins with, if it does: of Hebb's for "Hebb, keep 0.9"; else None."""
    rule = name.split("(")[0].split(",")[0].split(" ")[0]
    return LIGHT[_SLOT[rule]] if rule in _SLOT else None


def variables() -> dict[str, tuple[str, str, str]]:
    """Every colour as a CSS variable: name -> (variable with its fallback from JupyterLab, light, dark).

    Ink and paper follow JupyterLab's own theme where there is one.
    """
    table = {f"--nl-{i}": ("", light, dark) for i, (light, dark) in enumerate(zip(LIGHT, DARK, strict=True))}
    table["--nl-accent"] = ("", ACCENT["light"], ACCENT["dark"])
    table["--nl-ink"] = ("--jp-content-font-color0", INK["light"], INK["dark"])
    table["--nl-soft"] = ("", SOFT["light"], SOFT["dark"])
    table["--nl-hair"] = ("", HAIR["light"], HAIR["dark"])
    table["--nl-paper"] = ("--jp-layout-color0", PAPER["light"], PAPER["dark"])
    return table


def css(selector: str) -> str:
    """The palette as CSS for one selector: light, dark by JupyterLab's theme, dark by the system on a plain page.

    >>> ".nl{" in css(".nl")
    True
    """
    light = "".join(f"{name}:{_or(lab, value)};" for name, (lab, value, _) in variables().items())
    dark = "".join(f"{name}:{_or(lab, value)};" for name, (lab, _, value) in variables().items())
    return (
        f"{selector}{{{light}}}\n"
        f"[data-jp-theme-light=false] {selector}{{{dark}}}\n"
        f"@media (prefers-color-scheme:dark){{html:not(:has([data-jp-theme-light])) {selector}{{{dark}}}}}\n"
    )


def _or(lab: str, value: str) -> str:
    return f"var({lab},{value})" if lab else value
