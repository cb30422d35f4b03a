"""What is kept of each job that has ended, and of each that is to run."""

from __future__ import annotations

import gc
import pickle
import tracemalloc

import cloudpickle
import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from darkmagic.sweeps.launch.kept_return import KeptReturn
from darkmagic.sweeps.packed import PackedConfigs


def _config(number: int) -> DictConfig:
    values = {f"key{place}": {"a": place, "b": [number, "${number}"]} for place in range(100)}
    return OmegaConf.create({"number": number, **values})


@pytest.mark.parametrize("failed", [False, True])
def test_kept_return_is_what_the_job_returned(*, failed: bool) -> None:
    """Through a pipe too; a failure is raised when its value is asked for, as Hydra has it."""
    job = JobReturn(["x=1"], _config(1), _config(2), "here", "app")
    job.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    job.return_value = ValueError("no") if failed else 7
    kept = cloudpickle.loads(cloudpickle.dumps(KeptReturn.of(job)))
    assert isinstance(kept, JobReturn)
    for name in ("overrides", "cfg", "hydra_cfg", "working_dir", "task_name", "status"):
        assert getattr(kept, name) == getattr(job, name)
    if failed:
        with pytest.raises(ValueError, match="no"):
            _ = kept.return_value
    else:
        assert kept.return_value == 7


def test_many_configurations_and_returns_take_little_memory() -> None:
    """A twentieth of the objects': those were a third of a megabyte for each trial of a sweep."""
    objects = pickle.dumps([_config(number) for number in range(5)])
    tracemalloc.start()
    try:
        live = pickle.loads(objects)
        of_live, _ = tracemalloc.get_traced_memory()
        packed = PackedConfigs(live)
        kept = [KeptReturn.of(JobReturn(cfg=config, hydra_cfg=config)) for config in packed]
        gc.collect()  # nodes know their parents, so that none goes by itself
        everything, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (everything - of_live) * 20 < of_live
    assert list(packed) == live == [job.cfg for job in kept]
    assert packed[-1:][0] == live[-1]
