"""Train one trial: a recipe in, a result out, everything else in its directory.

Reads top to bottom: prepare, resume, epochs, result. Inside an epoch nothing waits for the
device: losses are summed where they are made and read once at the epoch's end.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.data.assembly.stats import commonest_share
from darkmagic.trainers.evaluate import Evaluation, beating, evaluate
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.notes import notes_of
from darkmagic.trainers.outputs.correct import write_correct
from darkmagic.trainers.outputs.durable import DamagedFileError, set_aside
from darkmagic.trainers.outputs.event_log import EventLog, open_log
from darkmagic.trainers.outputs.result import Result, count_parameters, median_step_seconds
from darkmagic.trainers.prepare.mid_epoch import MidEpoch
from darkmagic.trainers.prepare.training_state import TrainingState
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.runtime.memory import used_memory_bytes
from darkmagic.trainers.runtime.processes import processes
from darkmagic.trainers.runtime.randomness import derive_seed
from darkmagic.trainers.step.average import use_average
from darkmagic.trainers.step.eager import Step
from darkmagic.trainers.step.select import choose, describe
from darkmagic.trainers.step.statistics import settle_statistics

__all__ = ["train"]

STATISTICS_BATCHES = 50
"""What settles batch normalisation's statistics at averaged weights."""


def train(  # noqa: PLR0915 (one trial, read top to bottom)
    recipe: Recipe,
    directory: Path,
    *,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    on_step: Callable[[], None] | None = None,
    on_alive: Callable[[], None] | None = None,
) -> Result:
    """Train `recipe`, continuing from the checkpoint in `directory` if there is one.

    Appends to `events.jsonl` an epoch, and saves `checkpoint.pt` at the end and in between, within
    epochs too, every `recipe.checkpoint_seconds` at most; `on_event` gets each event too, `on_step`
    is called after each step. `on_alive` is called with each batch of evaluation, and with each
    step where there is no `on_step`, in place of showing in the log that the trial goes on.
    Raises `NotApplicable` and `TrialSkipped` as the tricks and the data set do.

    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> from darkmagic.trainers.tricks import Cosine
    >>> tricks = {"lr_regime": Cosine()}
    >>> recipe = Recipe(Shapes(count=40), SmallResNet, tricks, epochs=2, batch_size=8, device="cpu")
    >>> result = train(recipe, Path())
    >>> result.status, result.epochs
    ('finished', 2)
    """
    started = time.perf_counter()
    asked = recipe
    trial = Trial.prepare(recipe)
    recipe, device, hooks, pipeline = trial.recipe, trial.device, trial.hooks, trial.pipeline
    network = trial.network
    state = TrainingState(trial, started)
    plan = list(recipe.epoch_steps(pipeline.steps_per_epoch))
    total_steps = sum(plan)

    them = processes()
    log = open_log(directory, writes=them.is_first)
    alive = log.beat if on_alive is None else on_alive
    step_taken = alive if on_step is None else on_step
    evaluated = partial(evaluate, device=device, amp=recipe.amp, metric=recipe.metric, beat=alive)
    _log_reading(log, trial)
    if not _resume(state, directory, log):  # the network may hold a part of what was damaged
        return train(asked, directory, on_event=on_event, on_step=on_step, on_alive=on_alive)

    status, reason = "finished", ""
    evaluation: Evaluation | None = None
    network.train()
    step_once: Step | None = None
    stepping = ""
    for epoch in range(len(state.history), len(plan)):
        if hooks.should_stop(state.history):
            reason = f"stopped early, after epoch {epoch} of {len(plan)}"
            break
        before = sum(plan[:epoch])
        begin, state.within = state.within, MidEpoch()
        step, after = before + begin.step, before + plan[epoch]
        use_average(state.optimizer, averaged=False)
        if step_once is None:
            hooks.schedule(state.optimizer, step / total_steps)
            step_once, stepping = choose(trial, epoch, total_steps - step, log)
        epoch_started = time.perf_counter() - begin.seconds
        # Dropout and the like: each process has other images to drop from.
        torch.manual_seed(derive_seed(recipe.seed, "network", epoch) + them.rank)
        loss_sum = begin.loss_sum.to(device, copy=True)
        moved: float | None = None
        batches = islice(pipeline.training_epoch(epoch, begin), after - step)
        for images, targets in begin.restored(batches, device):
            hooks.schedule(state.optimizer, step / total_steps)
            moved = hooks.average(step, total_steps, pipeline.steps_per_epoch)
            loss_sum += step_once(images, targets, moved)
            step_taken()
            step += 1
            place = partial(_place, step - before, loss_sum, epoch_started, trial)
            state.save_within_epoch_if_due(
                directory, recipe.checkpoint_seconds, place, last=step == after
            )
        train_loss = loss_sum.item() / plan[epoch]
        seconds = time.perf_counter() - epoch_started

        settle_statistics(
            state,
            hooks,
            moved,
            beating(islice(pipeline.training_epoch(epoch), STATISTICS_BATCHES), alive),
        )
        evaluation = evaluated(state.evaluated, pipeline.validation())
        group = state.optimizer.param_groups[0]
        event = {
            "type": "epoch",
            "epoch": epoch + 1,
            "epochs": len(plan),
            "steps": plan[epoch],
            "train_loss": train_loss,
            "val_loss": evaluation.loss,
            "val_accuracy": evaluation.accuracy,
            f"val_{recipe.metric}": evaluation.value,
            "metric": recipe.metric,
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
            "images_per_second": plan[epoch] * len(images) / seconds,
            "peak_memory": used_memory_bytes(device),
            "seconds": seconds,
            "time": time.time(),
        }
        state.history.append(event)
        state.save_if_due(directory, recipe.checkpoint_seconds, epochs=len(plan))
        log.append(event)
        if on_event is not None:
            on_event(event)
        if not math.isfinite(train_loss) or not math.isfinite(evaluation.loss):
            status, reason = "diverged", f"loss is not finite in epoch {epoch + 1}"
            break

    state.save(directory)
    if evaluation is None:  # killed after its last epoch, before its result
        evaluation = evaluated(state.evaluated, pipeline.validation())
    _write_correct(directory, evaluation)
    test = None
    if recipe.test_set:
        test = evaluated(state.evaluated, pipeline.test())
    synchronize(device)
    last = state.history[-1]
    return Result(
        status=status,
        reason=reason,
        val_accuracy=last["val_accuracy"],
        val_loss=last["val_loss"],
        val_images=len(evaluation.correct),
        classes=None if trial.data.multilabel else len(trial.data.classes),
        commonest=commonest_share(trial.data.val),
        guessing_loss=_guessing_loss(hooks, len(trial.data.classes)),
        test_accuracy=None if test is None else test.accuracy,
        metric=recipe.metric,
        val_metric=evaluation.value,
        test_metric=None if test is None else test.value,
        train_loss=last["train_loss"],
        epochs=len(state.history),
        step_seconds=median_step_seconds(state.history),
        wall_seconds=state.seconds,
        train_seconds=sum(e["seconds"] for e in state.history),
        peak_memory_bytes=max(e["peak_memory"] for e in state.history),
        parameters=count_parameters(hooks.finish_model(network)),
        flops=trial.flops,
        pretrained_share=trial.pretrained_share,
        edits=json.dumps(hooks.edits) if hooks.edits else "",
        device=_device_name(device),
        stepping=stepping if step_once is None else describe(step_once, stepping),
    )


def _resume(state: TrainingState, directory: Path, log: EventLog) -> bool:
    """Go on from the checkpoint, if there is one; set it aside and return False if damaged.

    Of several processes the first one finds out, before the others read it.
    """
    them, good = processes(), True
    try:
        if them.is_first:
            state.resume(directory)
    except DamagedFileError as damage:
        aside = set_aside(damage.path).name
        log.append({"type": "note", "message": f"{damage}: set aside as {aside}; it starts over"})
        good = False
    if not them.agree(good):
        return False
    if not them.is_first:
        state.resume(directory)
    for event in state.history:
        if event["epoch"] not in log.epochs:  # checkpointed, killed before it was logged
            log.append(event)
    return True


def _place(step: int, loss_sum: Tensor, epoch_started: float, trial: Trial) -> MidEpoch:
    """Return where training is, after `step` steps of an epoch."""
    seconds = time.perf_counter() - epoch_started
    return MidEpoch.after(step, loss_sum, seconds, trial.pipeline.draws, trial.device)


def _write_correct(directory: Path, evaluation: Evaluation) -> None:
    if processes().is_first:
        write_correct(directory, evaluation.correct.cpu().numpy())


def _guessing_loss(hooks: Hooks, classes: int) -> float:
    """Return the loss of logits that are all alike: log(K) of cross-entropy, smoothed or not."""
    hard = F.one_hot(torch.tensor([0]), classes).float()  # of several labels: any gives the same
    return float(hooks.loss(torch.zeros(1, classes), hard))


def _log_reading(log: EventLog, trial: Trial) -> None:
    """Log how the data were read and the network made, where there is something to say of that."""
    notes = [*trial.data.doubts, *trial.data.notes, *notes_of(trial.network)]
    if loading := trial.pipeline.loaders.why:
        notes.append(loading)
    if notes:
        log.append({"type": "data", "notes": notes})


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
