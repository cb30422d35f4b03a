"""What the configuration offers, by the shorter way that we ask Hydra."""

from __future__ import annotations

from pathlib import Path

from darkmagic.sweeps.compose.groups import all_groups
from darkmagic.sweeps.compose.session import group_options, hydra_session, subgroups


def test_groups_and_options_equal_those_of_hydra(tmp_path: Path) -> None:
    """The groups and options of a session, the user's among them, equal Hydra's own answers."""
    (tmp_path / "trick" / "own").mkdir(parents=True)
    (tmp_path / "trick" / "own" / "on.yaml").write_text("# @package tricks.own\n_target_: a.B\n")
    with hydra_session([tmp_path]) as hydra:
        loader = hydra.config_loader
        groups = all_groups(loader)
        assert {"trick/mixup", "trick/own", "dataset", "checklist"} <= set(groups)
        for group in groups:
            assert group_options(loader, group) == loader.get_group_options(group)
            assert subgroups(loader, group) == loader.list_groups(group)
        assert subgroups(loader, "") == loader.list_groups("")
        assert group_options(loader, "no/such/group") == []
