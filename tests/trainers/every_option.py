"""Every option of every trick that has a folder, and the option beside which it is tested."""

from __future__ import annotations

from pathlib import Path

from darkmagic.sweeps import conf

__all__ = ["ADDED", "BASE", "BESIDE", "EVERY", "OPTIONS"]

FOLDER = Path(str(conf.__file__)).parent / "trick"
OPTIONS = sorted((p.parent.name, p.stem) for p in FOLDER.glob("*/*.yaml"))
BASE = {
    "lr_regime": "cosine_power_cycles",
    "optimizer": "sgd_nesterov",
    "pretrain": "none",
    "augmentation": "autoaugment",
    "weight_decay": "generic",
    "label_smoothing": "0.1",
    "scheduled_weight_decay": "fixed",
    "mixup": "off",
    "squeeze_excite": "on",
    "stem_activation": "leaky_relu",
}
ADDED = {  # tricks that the configuration has only where a checklist names them
    "activation": "relu",
    "activation_order": "before",
    "attention_pooling": "off",
    "auxiliary_loss": "off",
    "blurpool": "off",
    "convolution": "plain",
    "drop_path": "0",
    "dropout": "0",
    "model_size": "x1",
    "normalization": "batch",
    "pooling": "max",
    "transfer": "all",
    "loss": "cross_entropy",
    "weight_init": "he",
    "zero_init_residual": "off",
    "batch_size": "x1",
    "cutmix": "off",
    "cutout": "off",
    "early_stopping": "off",
    "ema": "off",
    "gradient_clipping": "off",
    "input_geometry": "pad_crop",
    "input_scaling": "mean_std",
    "lr_warmup": "off",
    "norm_weight_decay": "off",
    "progressive_resizing": "off",
    "random_erasing": "off",
    "shuffle": "every_epoch",
    "training_length": "x1",
}
BESIDE = {  # what a trick needs of others to have an effect
    "activation_order": {"stem_activation": "swish"},
    "transfer": {"pretrain": "pretrained"},
    "loss": {"label_smoothing": "0.0"},
}
EVERY = {**BASE, **ADDED}
