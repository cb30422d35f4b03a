"""A study in a real kernel: its pages, and a run that is interrupted and gone on with."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = [
    pytest.mark.weekly,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

MAKE = """
import darkmagic as dm
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, num_classes))

def data():
    from darkmagic.trainers.data import Shapes
    return Shapes(400, 8, 1)

study = dm.checklist(
    "mine", model=Net, data=data, tricks={"mixup": ["off", "on"], "label_smoothing": [0.1, 0.0]},
    epochs=10, batch_size=8, hydra={"launcher": {"trials_per_device": 1}}, devices="cpu",
)
study
"""
CELLS = [
    MAKE,
    "study.run(preflight=False)",
    "study.run(preflight=False)",
    "study",
    "study.to_frame()",
    "dm.checklist('article', epoch=3)",
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Run the cells, interrupting the first run; return the folder and the cells after that."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    client = nbclient.NotebookClient(
        notebook, timeout=800, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    env = {**os.environ, "DARKMAGIC_CACHE": str(folder / "cache")}
    with client.setup_kernel(env=env, cwd=str(folder)):
        interrupter = threading.Thread(target=_interrupt, args=(client, folder), daemon=True)
        interrupter.start()
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return folder, notebook.cells


def _interrupt(client: Any, folder: Path) -> None:
    """Interrupt the kernel, as the button of a notebook does, when the first trial has ended."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not list(folder.rglob("result.json")):
        time.sleep(0.05)
    os.killpg(os.getpgid(client.km.provisioner.pid), 2)


def _html(cell: Any) -> str:
    return "\n".join(
        output["data"].get("text/html", "") for output in cell.outputs if "data" in output
    )


def test_study_shows_its_plan_before_it_runs(ran: tuple[Path, list[Any]]) -> None:
    """The page has the trials, and says how to start them; nothing is written."""
    assert "3 runs" in _html(ran[1][0])
    assert "study.run()" in _html(ran[1][0])


def test_interrupted_run_says_how_to_go_on(ran: tuple[Path, list[Any]]) -> None:
    """The cell ends with KeyboardInterrupt, and the page above it has the line."""
    cell = ran[1][1]
    errors = [output for output in cell.outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == ["KeyboardInterrupt"]
    assert "To go on: run() again" in _html(cell)


def test_run_goes_on_where_it_was(ran: tuple[Path, list[Any]]) -> None:
    """The second run trains what is left, and shows the table, no widget and no script in it."""
    folder, cells = ran
    assert not [output for output in cells[2].outputs if output.output_type == "error"]
    page = _html(cells[2])
    assert "1 trial needs no training" in page or "2 trials need no training" in page
    assert "<progress" in page
    assert "<script" not in page
    assert len(list(folder.rglob("result.json"))) == 3
    assert all(
        "widget" not in kind for output in cells[2].outputs for kind in output.get("data", {})
    )


def test_study_shows_table_and_forest_plot(ran: tuple[Path, list[Any]]) -> None:
    """The page has a row a trial and the plot, whose clips no other plot of the page shares."""
    page = _html(ran[1][3])
    assert page.count('<th scope="row"') == 3
    assert "<svg" in page
    assert re.search(r'id="[0-9a-f]{8}-', page)
    assert "mixup=on" in _html(ran[1][4])


def test_bad_input_is_one_line_in_a_cell(ran: tuple[Path, list[Any]]) -> None:
    """The error names the key and the nearest one."""
    (error,) = [output for output in ran[1][5].outputs if output.output_type == "error"]
    assert error.ename == "UserError"
    assert "no key 'epoch'; did you mean epochs" in error.evalue
    assert len(error.traceback) == 1
