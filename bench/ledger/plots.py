"""The plots beside a ledger's page, as SVG: the same figures give the same bytes. Needs matplotlib."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from bench.errors import UsageError
from bench.ledger.ablation import OURS
from bench.ledger.nominal import ALL, FIRST
from bench.ledger.tables import level as shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.ledger.ablation import ShiftedRule
    from bench.ledger.analysis import Share
    from bench.ledger.nominal import Nominal
    from bench.ledger.page import Findings
    from bench.ledger.power import Shifted

# Okabe and Ito's, which most eyes tell apart; markers and dashes say the same again.
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
_MARKERS = "osD^vP*X"
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (5, 5)))
_STYLE: Mapping[Any, Any] = {
    "svg.hashsalt": "mqbench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.grid": True,
    "grid.color": "#dddddd",
}


def check() -> None:
    """Raises UsageError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "the plots beside a page need matplotlib, which is not installed; install it with: pip install "
            "matplotlib, or leave --page out to see the tables alone"
        )


def drawn(found: Findings) -> dict[str, str]:
    """The SVG of each plot that has data, by its name in ``page.PLOTS``."""
    import matplotlib as mpl  # noqa: PLC0415  # for those who want plots

    with mpl.rc_context():
        mpl.rcdefaults()  # nobody's own settings
        mpl.rcParams.update(_STYLE)
        made = {}
        if found.shifted_rules:
            made["power"] = _svg(_power(found.shifted_rules, found.by_time))
        if found.by_time:
            made["time"] = _svg(_time(found.by_time))
        if found.nominal:
            made["chances"] = _svg(_chances(found.nominal))
    return made


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _panels(names: Sequence[str], *, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # noqa: PLC0415  # as in drawn

    figure = Figure(figsize=(1.2 + 3.4 * len(names), height), layout="constrained")
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for one, name in zip(axes, names, strict=True):
        one.set_title(name)
    return figure, list(axes)


def _power(rules: Sequence[ShiftedRule], longer: Sequence[Shifted]) -> Figure:
    conditions = list(dict.fromkeys(row.condition for row in rules))
    names = list(dict.fromkeys(row.name for row in rules))
    every = sorted(rules[0].by_level)
    figure, panels = _panels(conditions, height=4.2)
    for axes, condition in zip(panels, conditions, strict=True):
        for row in (one for one in rules if one.condition == condition):
            _line(axes, every, row.by_level, names.index(row.name), row.name, bold=row.name == OURS)
        longest = [one for one in longer if one.condition == condition]
        if longest and (most := max(one.gates for one in longest)) > 1:
            by_level = {one.level: one.seen for one in longest if one.gates == most}
            words = f"{OURS}, about a minute"
            _line(axes, every, by_level, len(names), words, bold=True)
        axes.set_xlabel("difference that was added")
    panels[0].set_ylabel("share called slower")
    _legend(figure, panels)
    return figure


def _line(
    axes: Axes, every: Sequence[float], by_level: Mapping[float, Share], style: int, name: str, *, bold: bool
) -> None:
    levels = sorted(by_level)
    places = [every.index(one) for one in levels]
    shares = [by_level[one] for one in levels]
    colour = _COLOURS[style]
    axes.plot(
        places,
        [one.hits / one.of for one in shares],
        color=colour,
        marker=_MARKERS[style],
        markersize=4,
        linestyle=_DASHES[style],
        linewidth=2.0 if bold else 1.0,
        label=name,
    )
    if bold:
        intervals = [one.interval for one in shares if one.interval is not None]
        axes.fill_between(
            places,
            [one.low for one in intervals],
            [one.high for one in intervals],
            color=colour,
            alpha=0.12,
            linewidth=0,
        )
    axes.set_xticks(range(len(every)), [shown(one) for one in every])
    axes.set_ylim(-0.03, 1.03)


def _time(rows: Sequence[Shifted]) -> Figure:
    conditions = list(dict.fromkeys(row.condition for row in rows))
    levels = list(dict.fromkeys(row.level for row in rows))
    figure, panels = _panels(conditions)
    for axes, condition in zip(panels, conditions, strict=True):
        for style, level in enumerate(levels):
            mine = [row for row in rows if row.condition == condition and row.level == level]
            axes.plot(
                [row.seconds for row in mine],
                [row.seen.hits / row.seen.of for row in mine],
                color=_COLOURS[style],
                marker=_MARKERS[style],
                markersize=4,
                linestyle=_DASHES[style],
                label=shown(level),
            )
        axes.set_xlim(left=0)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("seconds a pair")
    panels[0].set_ylabel("share called a regression")
    _legend(figure, panels)
    return figure


def _chances(rows: Sequence[Nominal]) -> Figure:
    conditions = list(dict.fromkeys(row.condition for row in rows))
    figure, panels = _panels(conditions, height=3.6)
    for axes, condition in zip(panels, conditions, strict=True):
        mine = {row.of: row for row in rows if row.condition == condition}
        for style, what in enumerate((FIRST, ALL)):
            if what not in mine:
                continue
            count = len(mine[what].chances)
            places = np.arange(1, count + 1)
            middle = (places - 0.5) / count
            if style == 0:
                low, high = (stats.beta.ppf(one, places, count - places + 1) for one in (0.025, 0.975))
                axes.fill_between(middle, low, high, color="#999999", alpha=0.25, linewidth=0)
            axes.plot(
                middle,
                mine[what].chances,
                linestyle="none",
                marker=_MARKERS[style],
                markersize=3,
                color=_COLOURS[style + 1],
                label=f"{what} ({mine[what].rounds} rounds)",
            )
        axes.plot([0, 1], [0, 1], color="#000000", linewidth=0.8)
        axes.set_xlabel("p by chance")
    panels[0].set_ylabel('one-sided p of "slower"')
    _legend(figure, panels)
    return figure


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    named: dict[str, Artist] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        named |= {label: handle for handle, label in zip(handles, labels, strict=True) if label not in named}
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3, frameon=False)
