"""The figure that decides: found in a script's source, and read from what the script prints."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
from pathlib import Path

import pytest

from darkmagic.sweeps.starting.metrics import find_metric
from darkmagic.sweeps.starting.scripts import compare_command, find_scripts
from darkmagic.trainers.command.sources.lines import Lines

START = "import logging\nepoch, loss, acc, tr, right, total = 3, 0.5, 0.75, 0.25, 75, 100\n"
PRINTED = {
    "words": ("print(f'valid accuracy {acc:.2f}')", "valid_accuracy", 0.75),
    "colon": ("print(f'Epoch {epoch}: Valid Acc: {acc:.3f}')", "valid_acc", 0.75),
    "several": ("print(f'train loss: {tr}, val loss: {loss}, val acc: {acc}')", "val_acc", 0.75),
    "percent": ("print(f'Validation accuracy = {100 * acc:.1f}%')", "validation_accuracy", 75),
    "format": ("print('val_acc={:.2f} ({} epochs)'.format(acc, epoch))", "val_acc", 0.75),
    "mod": ("print('loss %.2f acc %6.2f%%' % (loss, 100 * acc))", "acc", 75),
    "arguments": ("print('Epoch', epoch, 'test accuracy:', acc)", "test_accuracy", 0.75),
    "separator": ("print('val_loss', loss, sep='=')", "val_loss", 0.5),
    "named field": ("print(f'{loss=} {acc=}')", "acc", 0.75),
    "slash": ("print(f'val/acc: {acc}')", "val_acc", 0.75),
    "at": ("print(f'Val: Acc@1 {acc} Acc@5 {tr}')", "val_acc_1", 0.75),
    "brackets": ("print(f'[{epoch}] (val) loss {loss} | acc {acc}')", "val_acc", 0.75),
    "joined": ("print('val acc: ' + str(acc) + ' loss: ' + str(loss))", "val_acc", 0.75),
    "wide": ("print(f'val acc:{acc:>12.3f}')", "val_acc", 0.75),
    "mnist": (
        (
            "print('\\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\\n'"
            ".format(loss, right, total, 100 * acc))"
        ),
        "test_accuracy",
        75,
    ),
    "train beside": (
        "print(f'train accuracy: {tr}')\nprint(f'accuracy: {acc}')\nprint(f'train accuracy: {tr}')",
        "accuracy",
        0.75,
    ),
    "best": ("print(f'val acc: {acc}')\nprint(f'best val acc: {tr}')", "val_acc", 0.25),
    "table": ("print(f'{epoch:3d} {tr:.4f} {acc:.4f}')\nprint('Saved 3 files')", "acc", 0.75),
    "table with bars": ("print(f'{epoch} | {tr:.4f} | {acc:.4f} |')", "acc", 0.75),
    "logging": ("logging.info('Epoch %d: val acc %.3f, %d%%', epoch, acc, 9)", "val_acc", 0.75),
    "logging f-string": ("logging.info(f'val_f1: {acc:.3f}')", "val_f1", 0.75),
    "METRIC": ("print(f'METRIC val_acc={acc} epoch={epoch}')", "val_acc", 0.75),
    "JSON": ("import json\nprint(json.dumps({'loss': loss, 'val/acc': acc}))", "val/acc", 0.75),
    "dictionary": ("print({'train_acc': tr, 'eval_accuracy': acc})", "eval_accuracy", 0.75),
    "sign": ("print(f'val nll (mean): {-loss:+.2f}')\nprint(f'val nll: {-loss}')", "val_nll", -0.5),
    "not a number": ("print(f\"val loss: {float('nan')}\")", "val_loss", float("nan")),
    "number of epoch": ("print(f'acc of epoch {epoch}: val acc {acc}')", "val_acc", 0.75),
}


@pytest.mark.parametrize(("text", "name", "value"), list(PRINTED.values()), ids=list(PRINTED))
def test_figure_is_read_from_what_the_script_prints(text: str, name: str, value: float) -> None:
    """The script is run: of its lines, the name or the pattern that was found gives the value."""
    metric = find_metric(START + text, ast.parse(START + text))
    assert metric is not None
    assert metric.name == name
    out = io.StringIO()
    logger = logging.getLogger()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s:%(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stdout(out):
            exec(START + text, {})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = Lines(metric.name, metric.pattern or None)
    for line in out.getvalue().splitlines():
        lines.read(line.encode())
    found = next(each for each in lines.found if metric.name in each.values)
    assert found.series(metric.name)[-1][1] == pytest.approx(value, nan_ok=True), out.getvalue()


LOGGED = {
    "self.log('val_acc', acc)\nself.log('train_acc', acc)": "val_acc",
    "self.log('train_loss', a)\nself.log('val_loss', a)": "val_loss",
    "self.log_dict({'val/loss': a, 'val/f1': b})": "val/f1",
    "for stage in ('train', 'val'):\n    self.log(f'{stage}_acc', a)": "val_acc",
    "writer.add_scalar('Accuracy/validation', acc, epoch)": "Accuracy/validation",
    "writer.add_scalar('Val Accuracy', acc, epoch)": "Val Accuracy",
    "mlflow.log_metric('test_acc', acc)\nmlflow.log_metric('valid_loss', a)": "valid_loss",
    "wandb.log({'epoch': epoch, 'eval/mIoU': a})": "eval/mIoU",
    "wandb.log(dict(loss=a, ValAcc=b))": "ValAcc",
    "rows.append({'epoch': 1, 'val_acc': a})\npd.DataFrame(rows).to_csv('log.csv')": "val_acc",
    "csv.writer(file).writerow(['epoch', 'train_loss', 'val_loss'])": "val_loss",
    "csv.DictWriter(file, fieldnames=['epoch', 'val_dice'])": "val_dice",
    "def compute_metrics(p):\n    return {'accuracy': a}": "eval_accuracy",
    "self.log('val_acc', a)\nprint(f'val acc: {a}')": "val_acc",
    "def evaluate(m):\n    return {'val_acc': a}": "val_acc",
}


@pytest.mark.parametrize(("text", "name"), list(LOGGED.items()))
def test_figure_that_is_logged_by_name_needs_no_pattern(text: str, name: str) -> None:
    """Validation data come before test data, and neither is what it trains on."""
    metric = find_metric(text, ast.parse(text))
    assert metric is not None
    assert (metric.name, metric.pattern) == (name, "")


@pytest.mark.parametrize(
    "text",
    [
        "acc = loss = 1",
        "print(f'train loss: {loss}')",
        "print('epoch', 1)",
        "math.log(2)",
        "logging.info('%d %f', epoch, acc)",
    ],
)
def test_nothing_is_guessed_where_nothing_is_reported(text: str) -> None:
    """The names of variables are no figures, and what it trains on does not decide."""
    assert find_metric(text, ast.parse(text)) is None


def test_command_has_the_pattern_and_the_unit(tmp_path: Path) -> None:
    """What is pasted into a shell reads the line; a word that nothing prints is said to be one."""
    (tmp_path / "train.py").write_text("import torch\nprint(f'valid accuracy: {a}%')\n")
    [script] = find_scripts(tmp_path)
    command, _ = compare_command(script, tmp_path)
    assert r"--metric valid_accuracy --pattern 'valid\s+accuracy:\s+([-+.\w]+)' --unit %" in command
    (tmp_path / "train.py").write_text("import torch  # reaches val_acc of 0.9\n")
    [script] = find_scripts(tmp_path)
    command, todo = compare_command(script, tmp_path)
    assert "--metric val_acc --seeds" in command
    assert "METRIC val_acc=0.5" in todo[1]
