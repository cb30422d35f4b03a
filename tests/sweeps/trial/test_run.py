"""From a resolved configuration to a recipe: what is refused, and before what."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.run import make_recipe, train_recipe, upstream_config
from darkmagic.trainers.outputs.result import Result
from darkmagic.trainers.runtime.cores import THREADS
from darkmagic.trainers.trick import Conflict, TrialSkipped, Trick
from darkmagic.trainers.tricks.transfer import LowerLr


def resolved(*words: str) -> dict[str, Any]:
    with hydra_session() as hydra:
        return resolve(compose(hydra.config_loader, ["dataset=tiny", *words]))


def test_conflict_is_found_before_upstream_weights_are_trained(tmp_path: Path) -> None:
    """A recipe with a conflict trains no upstream weights and writes nothing."""
    config = resolved("trick/pretrain=pretrained", "+trick/weight_init=xavier")
    with pytest.raises(Conflict, match="weight_init conflicts with pretrain"):
        make_recipe(config, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_recipe_has_the_threads_that_its_launcher_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a child of a server without torch, as after `compare` in one notebook."""
    before = torch.get_num_threads()
    monkeypatch.setenv(THREADS, str(before + 2))
    try:
        make_recipe(resolved())
        assert torch.get_num_threads() == before + 2
    finally:
        torch.set_num_threads(before)


def test_upstream_weights_do_not_conflict_with_another_size(tmp_path: Path) -> None:
    """Upstream weights are trained at the edited size; published ones conflict with it."""
    with pytest.raises(TrialSkipped, match="not trained yet"):
        make_recipe(resolved("trick/pretrain=pretrained", "+trick/model_size=x2"))
    file = resolved(
        "trick/pretrain=pretrained", f"model.pretrained={tmp_path}/w.pt", "+trick/model_size=x2"
    )
    with pytest.raises(Conflict, match="published weights"):
        make_recipe(file)


def test_upstream_training_has_no_pretraining_tricks() -> None:
    """Upstream training starts from nothing; the trial itself has both tricks."""
    config = resolved("trick/pretrain=pretrained", "+trick/transfer=lower_lr")
    tricks = upstream_config(config)["tricks"]
    assert not {"pretrain", "transfer"} & tricks.keys()
    recipe = make_recipe({**config, "tricks": {**tricks, "transfer": config["tricks"]["transfer"]}})
    assert recipe.tricks["transfer"] == LowerLr(0.1)
    assert type(recipe.tricks["mixup"]) is Trick


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (  # the network takes the trial's images of 32 x 32, and not those upstream, of 8 x 8
            (
                *("dataset.source.size=32", "dataset.source.channels=3"),
                *("model=own", "model.build._target_=zoo.build", "+model.build.name=lenet"),
            ),
            r"the model fails on images of shape \(1, 8, 8\)",
        ),
        (("dataset.upstream.source.count=-1",), "Error"),
        (("dataset.upstream.source._target_=math.sqrt", "~dataset.upstream.source.seed"), "Error"),
    ],
)
def test_upstream_training_that_fails_skips_the_trial(
    words: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    """With its reason; the next run tries again."""
    where = (f"runtime.cache='{tmp_path}/cache'", "runtime.device=cpu", "max_steps=1")
    config = resolved("trick/pretrain=pretrained", *words, *where)
    (tmp_path / "trial").mkdir()
    result = train_recipe(config, tmp_path / "trial")
    assert result.status == "skipped", result.reason
    assert re.match(f"upstream training failed: .*{reason}", result.reason), result.reason
    assert not list((tmp_path / "cache").rglob("result.json"))


@pytest.mark.parametrize("draw", range(3))
def test_order_of_overrides_changes_no_recipe(draw: int) -> None:
    """One identity, one recipe: its tricks edit, augment and mix in the same order."""
    words = [
        *(
            "+trick/cutout='8'",
            "+trick/random_erasing='on'",
            "+trick/blurpool='on'",
            "batch_size=16",
        ),
        *("+trick/normalization=group", "+trick/activation=elu", "trick/mixup='on'", "epochs=2"),
        *("+trick/pooling=average", "trick/weight_decay=higher"),
    ]
    first = resolved(*words)
    shuffled = resolved(*random.Random(draw).sample(words, len(words)))
    assert list(first["tricks"]) != list(shuffled["tricks"])
    assert identity(first) == identity(shuffled)
    ours, theirs = make_recipe(first), make_recipe(shuffled)
    kinds = [[(n, type(t), vars(t)) for n, t in r.tricks.items()] for r in (ours, theirs)]
    assert kinds[0] == kinds[1]
    assert list(ours.tricks) == sorted(ours.tricks)


def test_outcome_is_unpickled_without_torch() -> None:
    """The orchestrator reads an outcome without importing torch, which takes three seconds."""
    outcome = cloudpickle.dumps(Result("finished").as_dict())
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); print('torch' in sys.modules)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, input=outcome, capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
