"""Table of the checks' findings: a line each, its advice below, a curve for the rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from darkmagic.sweeps.api import Finding, Level

__all__ = ["findings_table", "sparkline", "summary"]

STYLES = {Level.OK: "green", Level.WARNING: "magenta", Level.STOP: "bold red"}
BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", ".:-=+*#@"
CURVE_WIDTH = 48
MAX_OVER_FIRST = 1.3  # values above this times the first one are cut off
MAX_LAYERS = 5


def findings_table(findings: Sequence[Finding], console: Console) -> RenderableType:
    """Return one row a finding, that fits `console`."""
    unicode = console.encoding.startswith("utf")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("level", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for finding in findings:
        seen = Text(finding.message)
        for line in _details(finding, unicode=unicode):
            seen.append(f"\n{line}", style="dim")
        if finding.advice:
            style = "dim" if finding.level is Level.OK else STYLES[finding.level]
            seen.append(f"\n-> {finding.advice}", style=style)
        table.add_row(Text(finding.level, style=STYLES[finding.level]), finding.check, seen)
    return table


def summary(findings: Sequence[Finding], seconds: float) -> Text:
    """Return the number of findings of each level, and how long the checks took."""
    counts = [(level, sum(f.level is level for f in findings)) for level in (*Level,)]
    parts = ", ".join(f"{count} {level}" for level, count in counts if count)
    return Text(f"preflight: {parts}, in {seconds:.0f} s")


def sparkline(values: Sequence[float | None], *, unicode: bool = True) -> str:
    """Return a bar a value, at most `CURVE_WIDTH`; None (not finite) is as high as it gets.

    What is far above the first value is cut off, so that the fall before it shows.
    """
    bars = BARS if unicode else PLAIN_BARS
    count = min(len(values), CURVE_WIDTH)
    chosen = [values[index * len(values) // count] for index in range(count)]
    finite = [value for value in chosen if value is not None]
    if not finite:
        return bars[-1] * count
    low, top = min(finite), min(max(finite), max(MAX_OVER_FIRST * finite[0], min(finite)))
    heights = [1.0 if v is None or v >= top else (v - low) / max(top - low, 1e-12) for v in chosen]
    return "".join(bars[round(height * (len(bars) - 1))] for height in heights)


def _details(finding: Finding, *, unicode: bool) -> list[str]:
    figures = finding.figures
    if figures.get("rates"):
        curve = sparkline(figures["losses"], unicode=unicode)
        return [f"loss {curve}", f"at lr {figures['rates'][0]:.0e} to {figures['rates'][-1]:.0e}"]
    if "layers" in figures:
        return _layer_lines(figures)
    return []


def _layer_lines(figures: Mapping[str, Any]) -> list[str]:
    layers = figures["layers"][:MAX_LAYERS]
    width = max(len(layer[0]) for layer in layers)
    lines = []
    for name, _, parameters, flops, separable in layers:
        saving = f" ({separable:,} separable)" if separable is not None else ""
        share = flops / max(1, figures["flops"])
        lines.append(f"{name:<{width}} {parameters:,} params{saving}, {share:.0%} FLOPs")
    more = len(figures["layers"]) - len(layers)
    return [*lines, f"and {more} more"] if more > 0 else lines
