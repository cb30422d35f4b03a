"""The space of a checklist: what its options' files have, less what cannot be had here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from darkmagic.checklist.designs.factors import Choice, Limits
from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist
from darkmagic.sweeps.compose.checks.ranges import Range, read_ranges
from darkmagic.sweeps.tune.space.recipe import TARGET, Field, Level
from darkmagic.sweeps.tune.space.space import Space

__all__ = ["make_space"]


def make_space(
    checklist: Checklist,
    nodes: Mapping[Choice, Any],
    limits: Limits,
    *,
    only: Sequence[str] = (),
    pinned: Collection[Field] = (),
    declared: Callable[[str], Mapping[str, Any]],
) -> Space:
    """Return the space of `checklist`, whose baseline options come first.

    `nodes` are the resolved contents of the options' files, `pinned` the fields that the command
    line sets, and `declared` gives the declared fields of a class by its dotted name. `only` names
    tricks, or options: a trick that is named by options has no others. Raises `UserError` for a
    name that there is not, and where nothing is left to tune.
    """
    chosen = _chosen(checklist, only)
    levels: dict[str, tuple[Level, ...]] = {}
    held: dict[str, str] = {}
    options: dict[tuple[str, str], Mapping[str, Any]] = {}
    for trick in checklist.tricks:
        wanted = chosen.get(trick.name, ())
        had = [o for o in wanted if (trick.name, o) not in limits.dropped]
        made = _merged(
            [_level(trick.name, o, nodes.get((trick.name, o)), pinned, declared) for o in had],
            options,
            trick.name,
        )
        if len(made) > 1 or (made and (made[0].ranges or made[0].option != trick.options[0])):
            levels[trick.name] = made
        else:
            held[trick.name] = trick.options[0]
    baseline = {trick.name: trick.options[0] for trick in checklist.tricks}
    space = Space(levels, held, baseline, limits.apart, options)
    if not space.parameters:
        raise UserError(
            f"nothing is left to tune in checklist {checklist.name!r}: no trick has two options "
            "here, or a number with a range (search: in its file)"
        )
    return space


def _chosen(checklist: Checklist, only: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the options of each trick that `only` names, in the checklist's order."""
    if not only:
        return {trick.name: trick.options for trick in checklist.tricks}
    named: dict[str, set[str]] = {}
    for name in only:
        trick_name, equals, option = name.partition("=")
        known = [trick.name for trick in checklist.tricks]
        if trick_name not in known:
            raise UserError(f"only={name} names no trick; " + nearest(trick_name, known))
        options = checklist.trick(trick_name).options
        if equals and option not in options:
            raise UserError(
                f"only={name}: {trick_name} has no such option; " + nearest(option, options)
            )
        named.setdefault(trick_name, set()).update({option} if equals else options)
    return {
        trick.name: tuple(o for o in trick.options if o in named[trick.name])
        for trick in checklist.tricks
        if trick.name in named
    }


def _level(
    trick: str,
    option: str,
    node: Any,
    pinned: Collection[Field],
    declared: Callable[[str], Mapping[str, Any]],
) -> Level:
    if node is None:  # an option without a file leaves the trick out
        return Level(option, None, {}, {})
    target = str(node[TARGET])
    values = {str(k): v for k, v in node.items() if k not in (TARGET, "search")}
    found = read_ranges(f"tricks.{trick}", node, declared(target))
    ranges = {n: r.around(values[n]) for n, r in found.items() if (trick, n) not in pinned}
    return Level(option, target, values, ranges)


def _merged(
    levels: Sequence[Level], options: dict[tuple[str, str], Mapping[str, Any]], trick: str
) -> tuple[Level, ...]:
    """Return `levels` with those that differ in searched numbers alone made one."""
    merged: dict[tuple[str | None, str], Level] = {}
    for level in levels:
        options[trick, level.option] = level.values
        first = merged.get(level.kind)
        if first is None or not level.ranges:
            merged[level.kind if level.ranges else (level.option, "")] = level
            continue
        ranges = {
            name: _union(first.ranges[name], level.ranges[name].around(level.values[name]))
            for name in first.ranges
        }
        merged[level.kind] = Level(
            first.option, first.target, first.values, ranges, (*first.others, level.option)
        )
    return tuple(merged.values())


def _union(one: Range, other: Range) -> Range:
    return one.around(other.low).around(other.high)
