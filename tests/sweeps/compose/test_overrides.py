"""What a user writes, and what they are told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import compose, hydra_session

WRONG = {
    "epoch=3": "no key 'epoch'; did you mean epochs",
    "epochs=a": "epochs takes a whole number",
    "epochs=2.5": "epochs takes a whole number",
    "epochs=0": "epochs=0: need 1 or more",
    "lr=fast": "lr takes a number",
    "channels_last=1": "takes true or false",
    "max_steps=some": "takes a whole number",
    "ema_decay=2": "write trick/ema=on tricks.ema.decay=2",
    "amp=fp8": "choose from auto, bf16, fp16, off",
    "dataset=cifar": "did you mean cifar10 or cifar100",
    "dataset=null": "give the name of an option",
    "model=resnet19": "did you mean resnet18",
    "model.build.dept=20": "did you mean model.build.depth",
    "dataset.source=3": "takes a mapping",
    "dataset=folder": "dataset.source.root is not set",
    "trick/mixp=on": "no group 'trick/mixp'.*did you mean trick/mixup",
    "trick/mixup=onn": "no option 'onn' of trick/mixup.*did you mean on",
    "trick/label_smoothing=0.3": "no option '0.3'",
    "~trick/mixup": "a group cannot be left out",
    "tricks.mixup.alpa=1": "did you mean tricks.mixup.alpha",
    "tricks.mixup.alpha=x": "takes a number",
    "checklist=articel": "did you mean article",
    "baseline=vanila": "choose from article, vanilla",
    "seeds=0": "seeds=0: need 1 or more",
    "lr=0.1,0.2": "darkmagic train -m lr=0.1,0.2",
    "nonsense": "write key=value",
    "a b=c=d]": "cannot read",
}


@pytest.mark.parametrize("word", WRONG)
def test_wrong_words_get_one_line(word: str) -> None:
    """What, where, and the nearest valid choice."""
    with pytest.raises(UserError, match=WRONG[word]) as error:
        api.plan([word])
    assert "\n" not in str(error.value)


RIGHT = [
    "epochs=3",
    "lr=1",
    "max_steps=null",
    "max_steps=5",
    "trick/label_smoothing=0.2",
    "trick/mixup=on",
    "trick/cutout=16",
    "+trick/cutout=16",
    "tricks.mixup.alpha=1",
    "tricks.lr_regime.cycles=3",
    "model.build.depth=14",
    "dataset=cifar10",
    "baseline=vanilla",
    "runtime.experiment=mine",
    "hydra.launcher.trials_per_device=4",
]


@pytest.mark.parametrize("word", RIGHT)
def test_right_words_pass(word: str) -> None:
    """Sixteen trials each time."""
    assert len(api.plan([word]).plan.trials) == 16


def test_devices_stay_a_list_of_numbers() -> None:
    """Where the default is a word, a list is no text written by mistake."""
    with hydra_session() as hydra:
        checked = check_overrides(hydra.config_loader, ["hydra.launcher.devices=[0,1]"])
    assert checked.config.hydra.launcher.devices == [0, 1]


def test_key_that_an_interpolation_reads_can_be_added(tmp_path: Path) -> None:
    """In an override, and in a file of the user's own; any other would do nothing."""
    assert api.plan(["+peak=0.2", "lr=${peak}"]).config.lr == 0.2
    option = "# @package tricks.mixup\n_target_: darkmagic.trainers.tricks.mixup.Mixup\n"
    (tmp_path / "trick" / "mixup").mkdir(parents=True)
    (tmp_path / "trick" / "mixup" / "mine.yaml").write_text(option + "alpha: ${strength}\n")
    words = ["+strength=0.3", "checklist.tricks=[{name: mixup, section: s, options: [off, mine]}]"]
    assert len(api.plan(words, [tmp_path]).plan.trials) == 2
    with pytest.raises(UserError, match=r"\+strengt=0.3.*no code reads strengt"):
        api.plan(["+strengt=0.3", *words[1:]], [tmp_path])


def test_fields_go_to_the_options_that_have_them() -> None:
    """Mixup's alpha to the trial with mixup, cycles to those with cycles."""
    words = ["tricks.mixup.alpha=1", "tricks.lr_regime.cycles=3"]
    planned = api.plan(words).plan
    for trial, overrides in zip(planned.trials, planned.overrides, strict=True):
        assert ("tricks.mixup.alpha=1" in overrides) == (trial.choices["mixup"] == "on")
        has_cycles = trial.choices["lr_regime"] == "cosine_power_cycles"
        assert ("tricks.lr_regime.cycles=3" in overrides) == has_cycles


def test_a_chosen_option_is_the_baselines() -> None:
    """And what was the baseline's becomes a trial."""
    trials = api.plan(["trick/optimizer=adam"]).plan.trials
    assert trials[0].choices["optimizer"] == "adam"
    assert "optimizer=sgd_nesterov" in {trial.name for trial in trials}
    assert len(trials) == 16


def test_a_trick_that_the_configuration_is_without_can_be_chosen() -> None:
    """Without the plus that Hydra wants, and its fields with it, for every trial."""
    planned = api.plan(["trick/cutout=16", "tricks.cutout.pixels=4"]).plan
    assert all("+trick/cutout='16'" in words for words in planned.overrides)
    assert all("tricks.cutout.pixels=4" in words for words in planned.overrides)


@pytest.mark.parametrize(
    ("words", "experiment"),
    [
        ([], "article-digits-resnet8"),
        (["checklist=classic", "checklist.name=mine"], "mine-digits-resnet8"),
        (["checklist=modern", "runtime.experiment='x y'"], "x y"),
    ],
)
def test_a_trial_is_composed_without_the_checklist(words: list[str], experiment: str) -> None:
    """Whatever was said of it; the experiment that is named by it keeps its name."""
    planned = api.plan(words)
    assert planned.config.runtime.experiment == experiment
    with hydra_session() as hydra:
        for overrides in planned.plan.overrides[:2]:
            trial = compose(hydra.config_loader, overrides)
            assert "checklist" not in trial
            assert trial.runtime.experiment == experiment


def test_vanilla_adds_one_trick_a_trial() -> None:
    """To the plain recipe."""
    trials = api.plan(["baseline=vanilla"]).plan.trials
    assert len(trials) == 16
    assert trials[0].choices["squeeze_excite"] == "off"
    assert {"squeeze_excite=on", "augmentation=autoaugment"} <= {trial.name for trial in trials}


def test_several_values_are_for_multiruns() -> None:
    """Each is checked."""
    with hydra_session() as hydra:
        check_overrides(hydra.config_loader, ["trick/label_smoothing=0.1,0.2"], sweep=True)
        with pytest.raises(UserError, match="no option 'adamm'"):
            check_overrides(hydra.config_loader, ["trick/optimizer=adam,adamm"], sweep=True)
