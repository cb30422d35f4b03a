# Written by tests/trainers/trick_exports.py from the modules' __all__.

from darkmagic.trainers.tricks.activation import Activation as Activation
from darkmagic.trainers.tricks.activation import activation_calls as activation_calls
from darkmagic.trainers.tricks.activation import replace_activations as replace_activations
from darkmagic.trainers.tricks.activation_order import ActivationOrder as ActivationOrder
from darkmagic.trainers.tricks.activation_order import activate as activate
from darkmagic.trainers.tricks.activation_order import neighbours as neighbours
from darkmagic.trainers.tricks.attention_dropout import AttentionDropout as AttentionDropout
from darkmagic.trainers.tricks.attention_dropout import drop_attention as drop_attention
from darkmagic.trainers.tricks.attention_pooling import AttentionPooling as AttentionPooling
from darkmagic.trainers.tricks.attention_pooling import PositionWeights as PositionWeights
from darkmagic.trainers.tricks.attention_pooling import (
    add_attention_pooling as add_attention_pooling,
)
from darkmagic.trainers.tricks.augmentation import AutoAugment as AutoAugment
from darkmagic.trainers.tricks.augmentation import Blur as Blur
from darkmagic.trainers.tricks.augmentation import ColourShift as ColourShift
from darkmagic.trainers.tricks.augmentation import DroppedPixels as DroppedPixels
from darkmagic.trainers.tricks.augmentation import Noise as Noise
from darkmagic.trainers.tricks.augmentation import RandAugment as RandAugment
from darkmagic.trainers.tricks.augmentation import RandomCrops as RandomCrops
from darkmagic.trainers.tricks.augmentation import Rotation as Rotation
from darkmagic.trainers.tricks.augmentation import Standard as Standard
from darkmagic.trainers.tricks.augmentation import TrivialAugment as TrivialAugment
from darkmagic.trainers.tricks.auxiliary_loss import AuxiliaryLoss as AuxiliaryLoss
from darkmagic.trainers.tricks.auxiliary_loss import add_auxiliary_head as add_auxiliary_head
from darkmagic.trainers.tricks.batch_size import BatchSize as BatchSize
from darkmagic.trainers.tricks.blurpool import BlurPool as BlurPool
from darkmagic.trainers.tricks.blurpool import add_blur as add_blur
from darkmagic.trainers.tricks.class_weights import BalancedWeights as BalancedWeights
from darkmagic.trainers.tricks.class_weights import EffectiveNumber as EffectiveNumber
from darkmagic.trainers.tricks.class_weights import balanced_weights as balanced_weights
from darkmagic.trainers.tricks.convolution import Convolution as Convolution
from darkmagic.trainers.tricks.convolution import SeparableConv2d as SeparableConv2d
from darkmagic.trainers.tricks.convolution import savings as savings
from darkmagic.trainers.tricks.convolution import separate_convolutions as separate_convolutions
from darkmagic.trainers.tricks.cutmix import CutMix as CutMix
from darkmagic.trainers.tricks.cutmix import CutMixOrMixup as CutMixOrMixup
from darkmagic.trainers.tricks.cutmix import cut_and_paste as cut_and_paste
from darkmagic.trainers.tricks.cutmix import edges_around as edges_around
from darkmagic.trainers.tricks.cutout import Cutout as Cutout
from darkmagic.trainers.tricks.cutout import cutout_boxes as cutout_boxes
from darkmagic.trainers.tricks.drop_path import DropPath as DropPath
from darkmagic.trainers.tricks.drop_path import DropPathLayer as DropPathLayer
from darkmagic.trainers.tricks.drop_path import add_drop_path as add_drop_path
from darkmagic.trainers.tricks.drop_path import drop_rates as drop_rates
from darkmagic.trainers.tricks.dropout import Dropout as Dropout
from darkmagic.trainers.tricks.dropout import add_dropout as add_dropout
from darkmagic.trainers.tricks.early_stopping import EarlyStopping as EarlyStopping
from darkmagic.trainers.tricks.early_stopping import has_stalled as has_stalled
from darkmagic.trainers.tricks.ema import Ema as Ema
from darkmagic.trainers.tricks.gradient_centralization import (
    GradientCentralization as GradientCentralization,
)
from darkmagic.trainers.tricks.gradient_centralization import centralize as centralize
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping as GradientClipping
from darkmagic.trainers.tricks.input_geometry import InputGeometry as InputGeometry
from darkmagic.trainers.tricks.input_scaling import PcaWhitening as PcaWhitening
from darkmagic.trainers.tricks.input_scaling import Squeeze as Squeeze
from darkmagic.trainers.tricks.input_scaling import ZeroCentre as ZeroCentre
from darkmagic.trainers.tricks.input_scaling import whitening_matrix as whitening_matrix
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing as LabelSmoothing
from darkmagic.trainers.tricks.label_smoothing import smooth_targets as smooth_targets
from darkmagic.trainers.tricks.layer_scale import ChannelScale as ChannelScale
from darkmagic.trainers.tricks.layer_scale import LayerScale as LayerScale
from darkmagic.trainers.tricks.layer_scale import add_layer_scale as add_layer_scale
from darkmagic.trainers.tricks.learning_rate import LearningRate as LearningRate
from darkmagic.trainers.tricks.loss import BinaryCrossEntropy as BinaryCrossEntropy
from darkmagic.trainers.tricks.loss import MulticlassHinge as MulticlassHinge
from darkmagic.trainers.tricks.loss import multiclass_hinge as multiclass_hinge
from darkmagic.trainers.tricks.lr_regime import Cosine as Cosine
from darkmagic.trainers.tricks.lr_regime import CosinePowerCycles as CosinePowerCycles
from darkmagic.trainers.tricks.lr_regime import GammaDecay as GammaDecay
from darkmagic.trainers.tricks.lr_regime import InverseTime as InverseTime
from darkmagic.trainers.tricks.lr_regime import OneCycle as OneCycle
from darkmagic.trainers.tricks.lr_regime import Staircase as Staircase
from darkmagic.trainers.tricks.lr_regime import Step as Step
from darkmagic.trainers.tricks.lr_regime import cosine_power as cosine_power
from darkmagic.trainers.tricks.lr_warmup import LrWarmup as LrWarmup
from darkmagic.trainers.tricks.lr_warmup import linear_warmup as linear_warmup
from darkmagic.trainers.tricks.mixup import Mixup as Mixup
from darkmagic.trainers.tricks.mixup import mix as mix
from darkmagic.trainers.tricks.model_size import ModelSize as ModelSize
from darkmagic.trainers.tricks.norm_weight_decay import NormWeightDecay as NormWeightDecay
from darkmagic.trainers.tricks.normalization import ChannelAffine as ChannelAffine
from darkmagic.trainers.tricks.normalization import Normalization as Normalization
from darkmagic.trainers.tricks.normalization import count_groups as count_groups
from darkmagic.trainers.tricks.normalization import replace_norms as replace_norms
from darkmagic.trainers.tricks.optimizer import Adadelta as Adadelta
from darkmagic.trainers.tricks.optimizer import Adagrad as Adagrad
from darkmagic.trainers.tricks.optimizer import Adam as Adam
from darkmagic.trainers.tricks.optimizer import AdamW as AdamW
from darkmagic.trainers.tricks.optimizer import Lion as Lion
from darkmagic.trainers.tricks.optimizer import Muon as Muon
from darkmagic.trainers.tricks.optimizer import RmsProp as RmsProp
from darkmagic.trainers.tricks.optimizer import Sam as Sam
from darkmagic.trainers.tricks.optimizer import ScheduleFree as ScheduleFree
from darkmagic.trainers.tricks.optimizer import Sgd as Sgd
from darkmagic.trainers.tricks.optimizer import decouple as decouple
from darkmagic.trainers.tricks.patch_stem import PatchStem as PatchStem
from darkmagic.trainers.tricks.patch_stem import convolutional_stem as convolutional_stem
from darkmagic.trainers.tricks.patch_stem import replace_patches as replace_patches
from darkmagic.trainers.tricks.pooling import Pooling as Pooling
from darkmagic.trainers.tricks.pooling import replace_poolings as replace_poolings
from darkmagic.trainers.tricks.pooling import response_norm as response_norm
from darkmagic.trainers.tricks.pretrain import LoadedTensors as LoadedTensors
from darkmagic.trainers.tricks.pretrain import Pretrain as Pretrain
from darkmagic.trainers.tricks.pretrain import load_pretrained as load_pretrained
from darkmagic.trainers.tricks.pretrain import loaded_tensors as loaded_tensors
from darkmagic.trainers.tricks.pretrain import pretrained_share as pretrained_share
from darkmagic.trainers.tricks.pretrain import take_pretrained_share as take_pretrained_share
from darkmagic.trainers.tricks.progressive_resizing import (
    ProgressiveResizing as ProgressiveResizing,
)
from darkmagic.trainers.tricks.random_erasing import RandomErasing as RandomErasing
from darkmagic.trainers.tricks.repeated_augmentation import (
    RepeatedAugmentation as RepeatedAugmentation,
)
from darkmagic.trainers.tricks.sampling import Sampling as Sampling
from darkmagic.trainers.tricks.sampling import chances as chances
from darkmagic.trainers.tricks.scheduled_weight_decay import (
    ScheduledWeightDecay as ScheduledWeightDecay,
)
from darkmagic.trainers.tricks.shuffle import Shuffle as Shuffle
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite as SqueezeExcite
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExciteBlock as SqueezeExciteBlock
from darkmagic.trainers.tricks.squeeze_excite import add_squeeze_excite as add_squeeze_excite
from darkmagic.trainers.tricks.stem_activation import StemActivation as StemActivation
from darkmagic.trainers.tricks.stem_activation import (
    replace_stem_activations as replace_stem_activations,
)
from darkmagic.trainers.tricks.swa import Swa as Swa
from darkmagic.trainers.tricks.swa import swa_weight as swa_weight
from darkmagic.trainers.tricks.training_length import TrainingLength as TrainingLength
from darkmagic.trainers.tricks.transfer import FreezeAllButHead as FreezeAllButHead
from darkmagic.trainers.tricks.transfer import FreezeFirstStage as FreezeFirstStage
from darkmagic.trainers.tricks.transfer import LowerLr as LowerLr
from darkmagic.trainers.tricks.transfer import all_but_head as all_but_head
from darkmagic.trainers.tricks.transfer import first_stage as first_stage
from darkmagic.trainers.tricks.transfer import freeze as freeze
from darkmagic.trainers.tricks.weight_decay import WeightDecay as WeightDecay
from darkmagic.trainers.tricks.weight_init import WeightInit as WeightInit
from darkmagic.trainers.tricks.weight_init import draw_weights as draw_weights
from darkmagic.trainers.tricks.weight_init import initialize as initialize
from darkmagic.trainers.tricks.zero_init_residual import ZeroInitResidual as ZeroInitResidual
from darkmagic.trainers.tricks.zero_init_residual import last_of_branches as last_of_branches
from darkmagic.trainers.tricks.zero_init_residual import zero_last_layers as zero_last_layers
