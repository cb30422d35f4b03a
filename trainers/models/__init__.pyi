from darkmagic.trainers.models.library import timm_classifier as timm_classifier
from darkmagic.trainers.models.library import torchvision_classifier as torchvision_classifier
from darkmagic.trainers.models.preact import PreActResNet as PreActResNet
from darkmagic.trainers.models.resnet import BasicBlock as BasicBlock
from darkmagic.trainers.models.resnet import SmallResNet as SmallResNet
