"""What people type and write, generated: command lines, override values and YAML files."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from hypothesis import strategies as st
from typer.testing import CliRunner

from darkmagic.cli.main import app

__all__ = [
    "LIMIT",
    "RIGHT",
    "command_lines",
    "config_files",
    "outcome",
    "overrides",
    "write_files",
]

LIMIT = 60.0
"""Seconds after which a command counts as hanging: usual ones take half a second, and on a machine
that others load ten of these."""

KEYS = [
    *("epochs", "batch_size", "lr", "adam_lr", "max_steps", "seed", "test_set", "split_seed"),
    *("amp", "channels_last", "compile", "baseline", "seeds", "baseline_repeats", "min_effect"),
    *("floor", "only", "name", "clip_grad_norm", "ema_decay", "epoch", "x", ""),
    *("metric", "design", "runs", "budget", "hours", "retune", "retune_tries", "retune_seeds"),
    *("futility", "folds", "track", "sampler", "objectives", "prune", "gradient_accumulation"),
    *("interactions", "take", "metrics", "retunes", "command", "trainer", "options", "metric.x"),
    *("trick/learning_rate", "tricks.learning_rate.factor", "runtime.checkpoint_seconds"),
    *("runtime.preflight_seconds", "runtime.optional_tricks", "runtime.report_images"),
    *("hydra.launcher.stall_seconds", "hydra.launcher.retries", "hydra.launcher.gpus_per_trial"),
    *("runtime", "runtime.device", "runtime.cuda_graphs", "runtime.workers", "runtime.experiment"),
    *("runtime.out", "runtime.tracking_uri", "runtime.cache", "runtime.device.x", "runtime.devic"),
    *("dataset", "dataset.name", "dataset.epochs", "dataset.source", "dataset.source.root"),
    *("dataset.source._target_", "dataset.source.nope", "dataset.upstream", "dataset.source.size"),
    *("dataset.upstream.source", "dataset.upstream.epochs", "dataset.upstream.source._target_"),
    *("model", "model.name", "model.build", "model.build.name", "model.build._target_"),
    *("model.build.depth", "model.build._partial_", "model.pretrained", "model@x", "model@:y"),
    *("checklist", "checklist.name", "checklist.tricks", "checklist.extends", "checklist.x"),
    *("checklist.tricks.0", "checklist.tricks[0].name", "checklist.tricks.0.options"),
    *("tricks", "tricks.mixup", "tricks.mixup.alpha", "tricks.mixup._target_", "tricks.mixup.a.b"),
    *("tricks.nope.x", "tricks.lr_regime.cycles", "tricks.cutout.pixels", "tricks..x", "tricks."),
    *("trick", "trick/mixup", "trick/optimizer", "trick/label_smoothing", "trick/nope", "trick/"),
    *("trick/cutout", "trick/mixup@tricks.other", "dataset@other"),
    *("hydra", "hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.launcher.devices"),
    *("hydra.launcher.trials_per_device", "hydra.launcher.threads", "hydra.sweeper"),
    *("hydra.sweep.dir", "hydra.sweep.subdir", "hydra.run.dir", "hydra.searchpath", "hydra.x"),
    *(
        "hydra.mode",
        "hydra.job.name",
        "hydra.job.chdir",
        "hydra.runtime.choices",
        "hydra.callbacks",
    ),
    *("defaults", "_target_", "_self_", "a.b.c", "/x", "x/", "checklist.name.x", "seeds.x"),
]
"""Keys that there are, that there were, that are near one, and that there cannot be."""

VALUES = [
    *("", "null", "true", "off", "on", "0", "1", "-1", "2.5", "1e999", "nan", "inf", "1000000"),
    *("1000000000000", "9" * 400, "1e-400", "0x10", "1_000", "'1'", "'off'", "''", '""', "' '"),
    *("x", "mixup", "cpu", "upc", "auto", "cuda:0", "digits", "tiny", "folder", "own", "timm"),
    *("torchvision", "article", "modern", "adam", "resnet18", "resnet26d", "vanilla", "undecided"),
    *("accuracy", "balanced_accuracy", "macro_f1", "top5", "auroc", "map", "loss", "Accuracy"),
    *("screen", "one_at_a_time", "ladder", "optuna", "none", "tpe", "gp", "cma", "ridge", "bohb"),
    *(
        "80",
        "8h",
        "30min",
        "0h",
        "2d",
        "1e999h",
        "-3h",
        "nanh",
        "h",
        "12 h",
        "tensorboard",
        "wandb",
    ),
    *("[accuracy,time]", "[time]", "[accuracy,accuracy]", "[loss,memory]", "[accuracy,", "False"),
    *(
        "[]",
        "{}",
        "[1,2]",
        "{a: 1}",
        "{a: {b: [1, {c: 2}]}}",
        "[mixup]",
        "[",
        "}",
        "[[[[",
        "'",
        '"',
    ),
    *("1,2", "adam,sgd_nesterov", "range(3)", "range(1,1000000000)", "glob(*)", "choice(1,2)"),
    *(
        "interval(0,1)",
        "tag(a,1,2)",
        "sort(3,2,1)",
        "shuffle(1,2)",
        "int(3)",
        "str(1)",
        "json_str(1)",
    ),
    *("${nope}", "${nope:1}", "${oc.env:NOPE}", "${oc.env:HOME}", "${seed}", "${runtime}", "${"),
    *("${oc.env:NOPE,null}", "${oc.decode:'['}", "${trial_identity:}", "${hydra:job.name}", "$"),
    *("${now:%Y}", "${runtime.out}", "${tricks}", "${oc.select:nope,3}", "${oc.deprecated:lr}"),
    *(
        "${oc.create:'{a: 1}'}",
        "${.}",
        "${..}",
        "${...x}",
        "${dataset.epochs}",
        "${lr}",
        "${epochs}",
    ),
    *(
        "../../x",
        "/tmp/darkmagic-x",
        "a/b",
        "o'brien",
        "'o\\'brien'",
        "a b",
        "a=b",
        "a,b",
        "a&b",
        "ü",
    ),
    *("~/x", "~", "~nobody/x", "$HOME/x", "C:\\x", "a\\", "a#b", "a:b", "a;b", "%s", "{0}", "???"),
    *(
        "[/x]",
        "[old]",
        "[red]x",
        "x" * 300,
        "\\x1b[31m",
        "\x1b[31m",
        "\n",
        "\t",
        "a\nb",
        "\x00",
        "\ud800",
    ),
    *("..", ".", "-1e5", "+2", "+0", "+1000000", "+x", "--", "-n", "builtins.eval", "os.system"),
    *(
        "darkmagic.trainers.data.shapes.Shapes",
        "darkmagic.trainers.data.shapes.Shape",
        "a..b",
        ".a",
    ),
    *(
        "darkmagic.trainers.models.SmallResNet",
        "nope.nope.Nope",
        "torch",
        "json.loads",
        "sqlite:///x",
    ),
    *("[{name: mixup, section: s, options: ['off', 'on']}]", "[{name: mixup}]", "[null]", "[1]"),
    *(
        "[{name: mixup, section: s, options: [off, on]}]",
        "[{name: mixup, section: s, options: []}]",
    ),
    *("[{name: [1], section: s, options: [on]}]", "[{name: mixup, section: {}, options: [{}]}]"),
    *(
        "[{name: mixup, section: null, options: [null]}]",
        "[{name: '', section: '', options: ['']}]",
    ),
    *("[{name: mixup, section: s, options: ['off','on'], vanilla: [1]}]", "http://u:p@h/"),
    *("[{name: '../dataset', section: s, options: [digits, tiny]}]", "postgresql://u:p@h/d"),
]
RIGHT = [
    *("dataset=tiny", "dataset=cifar10", "model=resnet18", "epochs=2", "seeds=2", "lr=0.2"),
    *("trick/mixup=on", "trick/cutout=16", "tricks.mixup.alpha=0.5", "checklist=modern"),
    *("baseline=vanilla", "runtime.experiment=mine", "max_steps=3", "min_effect=0.2"),
    *("tricks.lr_regime.cycles=3", "hydra.launcher.devices=cpu", "+note=mine", "floor=0.2"),
    *("metric=macro_f1", "metric=loss", "budget=80", "budget=8h", "retune=ladder", "futility=20"),
    *("retune=optuna", "retune_tries=3", "retune_seeds=2", "folds=5", "seeds=5", "track=wandb"),
]
"""Overrides that are right, by themselves or together."""
PREFIXES = ["", "", "", "", "", "+", "++", "~", "~~", "+++", " "]
SOME_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def overrides() -> st.SearchStrategy[str]:
    """Return one override, most often with a key that there is."""
    values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), SOME_TEXT)
    assigned = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(KEYS), values).map(
        lambda parts: f"{parts[0]}{parts[1]}={parts[2]}"
    )
    bare = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(KEYS)).map("".join)
    free = st.tuples(SOME_TEXT, values).map("=".join)
    return st.one_of(assigned, assigned, assigned, _mistyped(), bare, free, SOME_TEXT)


@st.composite
def _mistyped(draw: st.DrawFn) -> str:
    """Return an override that is right but for one character."""
    text = draw(st.sampled_from(RIGHT))
    at = draw(st.integers(0, len(text) - 1))
    instead = draw(st.sampled_from(["", text[at] * 2, " ", "0", "x", "=", ",", "'", ".", "-", "/"]))
    return text[:at] + instead + text[at + 1 :]


def command_lines() -> st.SearchStrategy[list[str]]:
    """Return the arguments of `darkmagic checklist plan`: overrides that are right, and one or two
    that may not be.
    """
    right = st.lists(st.sampled_from(RIGHT), max_size=2)
    tried = st.lists(overrides(), min_size=1, max_size=2)
    return st.tuples(right, tried).map(lambda two: ["checklist", "plan", *two[0], *two[1]])


FIELDS = ["name", "section", "options", "tricks", "extends", "vanilla", "defaults", "_target_", "x"]
SCALARS = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 2.5, float("nan"), "", "off", "on", "mixup"]),
    st.sampled_from(["mine", "other", "article", "${nope}", "${nope:1}", "${oc.env:NOPE}", "???"]),
    st.sampled_from(["../x", "/x", "[/x]", "\x1b[31m", "optimizer", "adam", "sgd_momentum", "${x"]),
    st.sampled_from(["dataset: tiny", "mine@_here_", "_self_", "${.name}", "a b", "x" * 300]),
    SOME_TEXT,
)
NODES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=6,
)
ROWS: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries(
        {
            "name": st.one_of(st.sampled_from(["mixup", "optimizer", "cutout"]), NODES),
            "section": st.one_of(st.just("s"), NODES),
        },
        optional={
            "options": st.one_of(
                st.lists(
                    st.sampled_from(["off", "on", "adam", "8", False, True, None]), max_size=3
                ),
                NODES,
            ),
            "vanilla": NODES,
        },
    ),
    NODES,
)
CHECKLISTS: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "name": SCALARS,
            "tricks": st.one_of(st.lists(ROWS, max_size=3), NODES),
            "extends": st.one_of(st.sampled_from(["mine", "other", "article", "nope"]), NODES),
            "defaults": st.one_of(
                st.lists(
                    st.sampled_from(["mine", "other", "article", "_self_", "nope"]), max_size=2
                ),
                NODES,
            ),
            "x": NODES,
        },
    ),
    NODES,
)


SLIPS = [":", "[", "{", "'", "- ", "\n", "&a", "*a", "!!python/object:x ", "\x00", "%", "@", "é"]
HEADERS = [
    *("# @package _global_\n", "# @package tricks\n", "# @package x.y\n", "# @package\n"),
    *("\ufeff", "---\n"),
]


@st.composite
def _broken(draw: st.DrawFn, text: str) -> str:
    """Return YAML with what slips in when it is written by hand, or as it is."""
    at = draw(st.integers(0, max(0, len(text) - 1)))
    lines = text.splitlines(keepends=True) or [""]
    line = at % len(lines)
    return draw(
        st.sampled_from(
            [
                text,
                "".join([*lines[:line], "\t", *lines[line:]]),
                text[:at],
                "".join([*lines, lines[line]]),
                text[:at] + draw(st.sampled_from(SLIPS)) + text[at:],
                draw(st.sampled_from(HEADERS)) + text,
                text + "---\n" + text,
            ]
        )
    )


def _yaml(nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return nodes.map(lambda node: yaml.safe_dump(node, allow_unicode=True)).flatmap(_broken)


PLACES = {
    "checklist": ("checklist/mine.yaml", "checklist=mine"),
    "dataset": ("dataset/mine.yaml", "dataset=mine"),
    "model": ("model/mine.yaml", "model=mine"),
    "option": ("trick/mixup/mine.yaml", "trick/mixup=mine"),
    "trick": ("trick/mine/on.yaml", "trick/mine=on"),
}
OPTION = st.one_of(
    st.fixed_dictionaries(
        {
            "_target_": st.sampled_from(
                ["darkmagic.trainers.tricks.mixup.Mixup", "nope.Nope", "x", 3]
            )
        },
        optional={
            "alpha": NODES,
            "x": NODES,
            "defaults": NODES,
            "_partial_": NODES,
            "_args_": NODES,
        },
    ),
    NODES,
)
SOURCE = st.fixed_dictionaries(
    {},
    optional={
        "name": SCALARS,
        "epochs": st.one_of(st.just(1), SCALARS),
        "batch_size": st.one_of(st.just(8), SCALARS),
        "pretrained": SCALARS,
        "source": OPTION,
        "build": OPTION,
        "upstream": st.one_of(st.none(), NODES),
    },
)
CONTENTS = {
    "checklist": CHECKLISTS,
    "dataset": SOURCE,
    "model": SOURCE,
    "option": OPTION,
    "trick": OPTION,
}


@st.composite
def config_files(draw: st.DrawFn) -> tuple[dict[str, str], list[str]]:
    """Files of a folder of the user's own, by path, and the overrides that choose them."""
    kind = draw(st.sampled_from(["checklist", "checklist", "checklist", *PLACES]))
    path, chosen = PLACES[kind]
    content = draw(_yaml(CONTENTS[kind]))
    if kind in ("option", "trick") and draw(st.booleans()):
        content = f"# @package tricks.{'mixup' if kind == 'option' else 'mine'}\n" + content
    files = {path: content}
    if kind == "checklist" and draw(st.booleans()):
        files["checklist/other.yaml"] = draw(_yaml(CHECKLISTS))
    return files, [chosen, *draw(st.lists(overrides(), max_size=1))]


def write_files(folder: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, errors="surrogatepass")


def outcome(arguments: list[str]) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it printed."""
    with _time_limit(LIMIT):
        result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in a block that takes longer."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"it hangs: more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
