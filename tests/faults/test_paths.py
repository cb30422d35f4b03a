"""Paths as people have them, in a whole sweep: data, out folder, configuration and cache."""

from __future__ import annotations

from pathlib import Path

from commanding import run_command
from image_sets import make_set

ODD = "a=b, [c] & (d) ü 50% o'x #1 {e}; f"
"""A folder with what shells, Hydra, URIs, YAML and globs each read as their own."""
CHECKLIST = "name: mine\ntricks:\n- {name: mixup, section: s, options: ['off', 'on']}\n"


def test_paths_are_taken_as_people_write_them(tmp_path: Path) -> None:
    """A sweep reads and writes there, ends, can be reported, and trains nothing twice."""
    home = tmp_path / ODD
    make_set(home / "set", {"cat": 12, "dog": 12})
    (home / "conf" / "checklist").mkdir(parents=True)
    (home / "conf" / "checklist" / "mine.yaml").write_text(CHECKLIST)
    env = {"HOME": str(home), "DATA": str(home)}
    words = ["checklist=mine", "dataset=folder", "dataset.source.root=~/set", "batch_size=4"]
    words += ["epochs=1", "max_steps=1", "model.build.width=4", "runtime.cache=$DATA/cache"]
    words += ["hydra.launcher.devices=cpu", "runtime.device=cpu", "--skip-preflight"]
    run = ["checklist", "run", *words, "-c", f"{home}/conf", "-o", "$DATA/out"]
    done = run_command(*run, folder=tmp_path, **env)
    assert done.returncode == 0, done.stderr
    results = {p: p.stat().st_mtime_ns for p in (home / "out").rglob("result.json")}
    assert len(results) == 2
    assert list((home / "out").rglob("report.html"))
    assert (home / "out" / "mlflow.db").exists()
    assert list((home / "cache" / "images").glob("*.npy"))
    report = run_command("report", "-o", "$DATA/out", folder=tmp_path, **env)
    assert report.returncode == 0, report.stderr
    assert "mixup=on" in report.stdout
    again = run_command(*run[:-1], str(home / "out"), folder=tmp_path, **env)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in (home / "out").rglob("result.json")} == results
    assert {path.name for path in tmp_path.iterdir()} == {ODD}
