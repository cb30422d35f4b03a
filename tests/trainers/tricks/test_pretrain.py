"""pretrain: which tensors load, which stay in use, and what happens without the file."""

import copy
import os
import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.library import torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import EditStage, TrialSkipped
from darkmagic.trainers.tricks.pretrain import Pretrained, take_pretrained_share
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.stem_activation import StemActivation

CONTRACT = {"changes": ["network", "update"]}

EXAMPLE = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def weights_file(model: nn.Module, path: Path, key: str | None = None) -> str:
    state = model.state_dict()
    torch.save(state if key is None else {key: state, "epoch": 3}, path)
    return str(path)


def floats(model: nn.Module) -> int:
    return sum(value.is_floating_point() for value in model.state_dict().values())


@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_all_loads_into_the_same_network(tmp_path: Path, key: str | None) -> None:
    """From a bare state dict, or one inside a checkpoint; nothing is added to the state."""
    source, model = SmallResNet(8), SmallResNet(8)
    file = weights_file(source, tmp_path / "w.pt", key)
    loaded = Pretrained(file).edit_model(model, EXAMPLE)
    for name, value in source.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    assert list(loaded.state_dict()) == list(source.state_dict())
    assert take_pretrained_share(loaded) == 1


def test_another_number_of_classes_leaves_the_head_fresh(tmp_path: Path) -> None:
    """Its weight and bias count as not in use."""
    source = SmallResNet(8, num_classes=5)
    model = SmallResNet(8, num_classes=10)
    head = copy.deepcopy(model.head.state_dict())
    Pretrained(weights_file(source, tmp_path / "w.pt")).edit_model(model, EXAMPLE)
    assert torch.equal(model.stem[0].weight, source.stem[0].weight)
    assert all(torch.equal(model.head.state_dict()[name], head[name]) for name in head)
    assert take_pretrained_share(model) == pytest.approx(1 - 2 / floats(source))


def test_edits_after_loading_keep_what_they_do_not_touch(tmp_path: Path) -> None:
    """Both architecture tricks keep every pretrained tensor; a new stem loses one."""
    file = weights_file(SmallResNet(8), tmp_path / "w.pt")
    model = Pretrained(file).edit_model(SmallResNet(8), EXAMPLE)
    for trick in (SqueezeExcite(), StemActivation("swish")):
        model = trick.edit_model(model, EXAMPLE)
    assert take_pretrained_share(copy.deepcopy(model)) == 1
    model.stem[0] = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
    assert take_pretrained_share(model) == pytest.approx(1 - 1 / floats(SmallResNet(8)))


def test_the_record_is_taken_once(tmp_path: Path) -> None:
    """And is None where nothing was loaded."""
    file = weights_file(SmallResNet(8), tmp_path / "w.pt")
    model = nn.Sequential(Pretrained(file).edit_model(SmallResNet(8), EXAMPLE))
    assert take_pretrained_share(model) == 1  # also where an edit wrapped the network
    assert take_pretrained_share(model) is None


def edited() -> nn.Module:
    return SqueezeExcite().edit_model(SmallResNet(8), EXAMPLE)


def test_weights_of_an_edited_network_load_after_the_edits(tmp_path: Path) -> None:
    """The blocks' own weights too, which the unedited network has no place for."""
    torch.manual_seed(0)
    source = edited()
    file = weights_file(source, tmp_path / "w.pt", "model")
    late = Pretrained(file, after_edits=True)
    assert late.edit_stage > EditStage.INIT
    model = late.edit_model(edited(), EXAMPLE)
    assert torch.equal(model.eval()(EXAMPLE), source.eval()(EXAMPLE))
    assert take_pretrained_share(model) == 1

    early = Pretrained(file)
    assert early.edit_stage < EditStage.KINDS
    model = SqueezeExcite().edit_model(early.edit_model(SmallResNet(8), EXAMPLE), EXAMPLE)
    assert take_pretrained_share(model) == pytest.approx(1 - 3 * 4 / floats(source))


def test_published_weights_load_before_or_after_the_edits(tmp_path: Path) -> None:
    """Edits keep names, so the order does not matter."""
    source = SmallResNet(8)
    file = weights_file(source, tmp_path / "w.pt")
    model = Pretrained(file, after_edits=True).edit_model(edited(), EXAMPLE)
    assert take_pretrained_share(model) == 1
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Nothing fits: the message shows both sides' names."""
    file = weights_file(nn.Linear(3, 3), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"none of the 2 tensors.*weight.*stem\.0\.weight"):
        Pretrained(file).edit_model(SmallResNet(8), EXAMPLE)


def test_a_missing_file_is_named() -> None:
    """The trial is skipped, with the path."""
    with pytest.raises(TrialSkipped, match=r"/no/such\.pt"):
        Pretrained("/no/such.pt").edit_model(SmallResNet(8), EXAMPLE)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """A tensor is no state dict."""
    torch.save(torch.zeros(3), tmp_path / "w.pt")
    with pytest.raises(ValueError, match="holds Tensor"):
        Pretrained(str(tmp_path / "w.pt")).edit_model(SmallResNet(8), EXAMPLE)


class _Runs:
    """What runs code where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch ran",)


def _not_tensors(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("no tensors")
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(_Runs()))
    elif kind == "network":
        torch.save(nn.Linear(2, 2), path)
    else:
        torch.save({"a": torch.zeros(1), "b": _Runs()}, path)


@pytest.mark.parametrize("kind", ["text", "pickle", "network", "tensors and code"])
def test_a_file_that_is_no_tensors_is_never_run(tmp_path: Path, kind: str) -> None:
    """Nor is PyTorch's advice to load it unsafely repeated; the line names the file."""
    _not_tensors(tmp_path / "w.pt", kind)
    with pytest.raises(ValueError, match=r"w\.pt is no file of tensors alone") as error:
        Pretrained(str(tmp_path / "w.pt")).edit_model(SmallResNet(8), EXAMPLE)
    assert "\n" not in str(error.value)
    assert "weights_only" not in str(error.value)
    assert not Path("ran").exists()


def test_torchvisions_cache_is_never_run(hub: Path) -> None:
    """A file that someone put there under the name of published weights is data too."""
    _not_tensors(hub / "resnet18-f37072fd.pth", "tensors and code")
    with pytest.raises(ValueError, match=r"resnet18-f37072fd\.pth .*no file of tensors alone"):
        Pretrained("torchvision:resnet18").edit_model(SmallResNet(8), EXAMPLE)
    assert not Path("ran").exists()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of downloaded weights; there is no network."""

    def offline(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_torchvisions_weights(hub: Path) -> None:
    """All but the head, and the small stem's convolution, whose kernel is another size."""
    source = torchvision.models.resnet18()
    weights_file(source, hub / "resnet18-f37072fd.pth")
    total = floats(source)
    for size, lost in (((224, 224), 2), ((32, 32), 3)):
        model = torchvision_classifier("resnet18", 10, size)
        Pretrained("torchvision:resnet18").edit_model(model, EXAMPLE)
        assert torch.equal(model.layer4[1].conv2.weight, source.layer4[1].conv2.weight)
        assert take_pretrained_share(model) == pytest.approx(1 - lost / total)


def test_torchvisions_weights_with_names_of_old(hub: Path) -> None:
    """DenseNet's file has `norm.1` for `norm1`, as published; all but the head load."""
    source = torchvision.models.densenet121()
    old = {
        name.replace("norm1.", "norm.1.").replace("norm2.", "norm.2.")
        .replace("conv1.", "conv.1.").replace("conv2.", "conv.2.")
        if "denselayer" in name else name: value
        for name, value in source.state_dict().items()
        if "num_batches_tracked" not in name
    }  # fmt: skip
    torch.save(old, hub / "densenet121-a639ec97.pth")
    model = torchvision.models.densenet121(num_classes=10)
    Pretrained("torchvision:densenet121").edit_model(model, EXAMPLE)
    assert take_pretrained_share(model) == pytest.approx(1 - 2 / floats(source))


def test_offline_the_file_is_named(hub: Path) -> None:
    """The trial is skipped and says what to put where."""
    with pytest.raises(TrialSkipped, match=r"resnet18-f37072fd.pth") as skipped:
        Pretrained("torchvision:resnet18").edit_model(SmallResNet(8), EXAMPLE)
    assert str(hub) in str(skipped.value)
    with pytest.raises(ValueError, match="no weights for a model 'resnet19'"):
        Pretrained("torchvision:resnet19").edit_model(SmallResNet(8), EXAMPLE)
