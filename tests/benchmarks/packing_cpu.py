"""The 16 trials of the article's checklist on a CPU: a trial a core against one at a time.

    python tests/benchmarks/packing_cpu.py [--epochs N] [--quick] [--json] [--results]

Three sides train the same 16 configurations on digits: ours as it is, one single-threaded worker
a core; ours one trial after the other, each with all cores (`trials_per_device=1`); and Hydra's
joblib launcher, whose workers (one a core, single-threaded, as joblib sets them up) build the
same recipes and call the same trainer. The time is from the first trial's start to the last
one's result, by the trials' own files: what a command imports and plans before is not in it.

Losses and accuracies of every trial are compared. With the same number of threads they have to
be the same bit for bit, however many trials run at once: a run one by one with one thread is
held to that. One and several threads differ, since torch splits sums by threads; the row of the
serial run says by how much.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import partial
from pathlib import Path

from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from harness.machine import versions
from harness.peers import FOLDER, environment
from harness.sweeps import run, swept
from harness.table import Row, arguments, compared, publish
from harness.turns import take_turns

TRIALS = 16
SAME = "all bit for bit the same"
CORES = len(os.sched_getaffinity(0))
OUTCOME = ("val_accuracy", "val_loss", "train_loss", "epochs", "parameters")
Outcomes = dict[str, tuple[float, ...]]  # by the choices of tricks, as JSON


def ours(words: list[str], cache: Path, found: dict[str, Outcomes], side: str) -> float:
    """Train the checklist by the command; return the seconds of its trials."""
    with swept([*words, "hydra.launcher.devices=cpu"], cache) as (trials, _):
        return _read(trials, found, side)


def by_joblib(
    python: Path, recipes: list[dict[str, object]], cache: Path, found: dict[str, Outcomes]
) -> float:
    """Train the same trials as jobs of Hydra's joblib launcher."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipes.json").write_text(json.dumps(recipes))
        app = str(FOLDER / "peers" / "packing_app.py")
        words = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={CORES}"]
        words += [f"+trial=range({len(recipes)})", f"+folder={folder}", f"hydra.sweep.dir={folder}"]
        run([str(python), app, "-m", *words, "hydra.output_subdir=null"], folder, cache)
        return _read(list(folder.glob("trial*")), found, "joblib")


def _read(trials: list[Path], found: dict[str, Outcomes], side: str) -> float:
    """Keep the outcomes of trials; return the seconds from the first start to the last end."""
    starts, ends = [], []
    outcomes: Outcomes = {}
    for trial in trials:
        file = trial / "result.json"
        result = json.loads(file.read_text())
        assert result["status"] == "finished", result
        events = (trial / "events.jsonl").read_text().splitlines()
        starts.append(json.loads(events[0])["time"])
        ends.append(file.stat().st_mtime)
        tricks = _tricks(trial)
        outcomes[tricks] = tuple(result[name] for name in OUTCOME)
    assert len(outcomes) == TRIALS, f"{side}: {len(outcomes)} trials"
    assert found.setdefault(side, outcomes) == outcomes, f"{side} differs from turn to turn"
    return max(ends) - min(starts)


def _tricks(folder: Path) -> str:
    import yaml

    return json.dumps(
        yaml.safe_load((folder / "config.yaml").read_text())["tricks"], sort_keys=True
    )


def recipes_of(words: list[str]) -> list[dict[str, object]]:
    """Return the resolved configuration of every trial that `words` ask for."""
    with hydra_session() as hydra:
        checked = check_overrides(hydra.config_loader, words)
        loader, config = hydra.config_loader, checked.config
        plan = Planner(loader, config, checked.plain, checked.tricks).plan()
        return [resolve(compose(hydra.config_loader, overrides)) for overrides in plan.overrides]


def apart(one: Outcomes, other: Outcomes) -> str:
    """Return how far the outcomes of two sides are from each other."""
    assert one.keys() == other.keys()
    assert all(one[key][-2:] == other[key][-2:] for key in one), "other work"
    same = sum(one[key] == other[key] for key in one)
    if same == len(one):
        return SAME
    worst = max(abs(one[key][0] - other[key][0]) for key in one)
    return f"{same} of {len(one)} the same; accuracies at most {100 * worst:.2f} points apart"


def main() -> None:
    """Measure in turn, compare the outcomes, and print."""
    parser = arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one turn, without joblib")
    options = parser.parse_args()
    words = [f"epochs={options.epochs}", "runtime.device=cpu", "trick/pretrain=none"]
    found: dict[str, Outcomes] = {}
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        serial = [*words, "hydra.launcher.trials_per_device=1"]
        sides = {
            "ours": partial(ours, words, cache, found, "ours"),
            "serial": partial(ours, serial, cache, found, "serial"),
        }
        if not options.quick:
            python = environment(["hydra-joblib-launcher"], beside_ours=True)
            recipes = recipes_of(words)
            sides["joblib"] = partial(by_joblib, python, recipes, cache, found)
        # Uncounted: it trains the upstream weights too, which all sides then have.
        if options.quick:
            ours(["epochs=1", *words[1:]], cache, found, "filled")
        else:
            ours([*serial, "hydra.launcher.threads=1"], cache, found, "one by one")
        repeats = 1 if options.quick else options.repeats
        measured = take_turns(sides, repeats=repeats, warm_up=0)
    if not options.quick:
        same = apart(found["ours"], found["one by one"])
        assert same == SAME, f"packing changes results: {same}"
    peers = {"serial": f"our serial run, {CORES} threads", "joblib": "Hydra + joblib"}
    rows: list[Row] = [
        compared(
            f"{TRIALS} trials on {CORES} cores",
            peers[side],
            "s",
            measured["ours"],
            measured[side],
            at_least=1.3,
            rate=False,
            note=f"results: {apart(found['ours'], found[side])}",
            equal_work={"trials": TRIALS, "epochs": options.epochs},
        )
        for side in sides
        if side != "ours"
    ]
    publish("packing_cpu", rows, versions("torch", "hydra-core"), options)


if __name__ == "__main__":
    main()
