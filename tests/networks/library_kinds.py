"""Small networks of the classes that torchvision and timm have."""

from __future__ import annotations

from functools import partial

from torch import nn

__all__ = [
    "timm_convnext",
    "timm_efficientnet",
    "timm_mixer",
    "timm_nfnet",
    "timm_regnety",
    "timm_repvgg",
    "timm_res2net",
    "timm_swin",
    "timm_vit",
    "torchvision_densenet",
    "torchvision_mobilenet_v2",
    "torchvision_mobilenet_v3",
    "torchvision_resnet",
    "torchvision_shufflenet",
    "torchvision_squeezenet",
]


def torchvision_resnet(num_classes: int) -> nn.Module:
    """Return a ResNet of two basic and two bottleneck blocks' worth of depth."""
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes)


def torchvision_densenet(num_classes: int) -> nn.Module:
    from torchvision.models import DenseNet

    return DenseNet(4, (2, 2), 8, num_classes=num_classes)


def torchvision_mobilenet_v2(num_classes: int) -> nn.Module:
    from torchvision.models import MobileNetV2

    settings = [[1, 8, 1, 1], [2, 8, 2, 2], [2, 16, 2, 2]]
    return MobileNetV2(num_classes, 0.5, settings)


def torchvision_mobilenet_v3(num_classes: int) -> nn.Module:
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

    row = partial(InvertedResidualConfig, dilation=1, width_mult=1.0)
    rows = [
        row(8, 3, 8, 8, use_se=True, activation="RE", stride=1),
        row(8, 3, 16, 8, use_se=False, activation="HS", stride=2),
        row(8, 3, 16, 8, use_se=True, activation="HS", stride=1),
    ]
    return MobileNetV3(rows, 32, num_classes)


def torchvision_squeezenet(num_classes: int) -> nn.Module:
    from torchvision.models import SqueezeNet

    return SqueezeNet("1_1", num_classes)


def torchvision_shufflenet(num_classes: int) -> nn.Module:
    from torchvision.models import ShuffleNetV2

    return ShuffleNetV2([2, 2, 1], [8, 8, 16, 32, 32], num_classes)


def timm_vit(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models import VisionTransformer

    return VisionTransformer(
        32, 8, in_channels, num_classes, embed_dim=24, depth=2, num_heads=2, init_values=0.1
    )


def timm_swin(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models import SwinTransformer

    return SwinTransformer(
        *(32, 4, in_channels, num_classes),
        embed_dim=16,
        depths=(1, 1),
        num_heads=(2, 2),
        window_size=4,
    )


def timm_convnext(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models import ConvNeXt

    return ConvNeXt(in_channels, num_classes, depths=(1, 1, 1, 1), dims=(8, 8, 16, 16))


def timm_efficientnet(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models import EfficientNet
    from timm.models._efficientnet_builder import decode_arch_def

    rows = [
        ["ds_r1_k3_s1_e1_c8_se0.25"],
        ["ir_r2_k3_s2_e2_c8_se0.25"],
        ["ir_r2_k5_s2_e2_c16_se0.25"],
    ]
    return EfficientNet(
        decode_arch_def(rows),
        num_classes,
        32,
        in_channels,
        8,
        act_layer=nn.SiLU,
        drop_path_rate=0.1,
    )


def timm_nfnet(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models.nfnet import NfCfg, NormFreeNet

    config = NfCfg(*((1, 1), (16, 32)), stem_type="3x3", stem_chs=8, group_size=8, bottle_ratio=0.5)
    return NormFreeNet(config, num_classes, in_channels)


def timm_repvgg(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

    blocks = tuple(ByoBlockCfg("rep", d=2, c=c, s=2, gs=0) for c in (8, 16))
    config = ByoModelCfg(blocks, stem_type="rep", stem_chs=8)
    return ByobNet(config, num_classes, in_channels)


def timm_res2net(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models.res2net import Bottle2neck
    from timm.models.resnet import ResNet

    return ResNet(
        Bottle2neck,  # type: ignore[arg-type]
        *((1, 1, 1, 1), num_classes, in_channels),
        channels=(8, 8, 16, 16),
        base_width=16,
        block_args={"scale": 4},
    )


def timm_mixer(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models import MlpMixer

    return MlpMixer(num_classes, 32, in_channels, 8, num_blocks=2, embed_dim=16)


def timm_regnety(num_classes: int, in_channels: int) -> nn.Module:
    from timm.models.regnet import RegNet, RegNetCfg

    return RegNet(
        RegNetCfg(8, 8, 10.0, 2.0, 8, se_ratio=0.25, stem_width=8), in_channels, num_classes
    )
