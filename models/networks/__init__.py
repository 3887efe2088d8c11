"""Generators and discriminators, their layers, norms and initialisation, and their inference mode.

One family of networks per file. A generator is built by a function `(input_nc, output_nc, ngf, norm, use_dropout)`, a
discriminator by `(input_nc, ndf, n_layers, norm)`, where `norm(channels)` builds a normalisation layer.
"""

from .architecture import (
    Architecture,
    describe_mismatch,
    describe_networks,
    infer_generator,
    without_instance_statistics,
)
from .init import InitFunction, initialise
from .layers import Dropout, ReflectionPad
from .mode import InferenceMode, current_mode, set_inference_mode
from .multiscale import MultiscaleDiscriminator, multiscale
from .norms import BatchNorm, InstanceNorm, NoNorm, NormFactory, SyncBatchNorm, conv_bias
from .patchgan import NLayerDiscriminator, PixelDiscriminator, basic, n_layers, pixel
from .resnet import ResnetBlock, ResnetGenerator, resnet_6blocks, resnet_9blocks
from .unet import UnetGenerator, unet_128, unet_256

__all__ = [
    "Architecture",
    "BatchNorm",
    "Dropout",
    "InferenceMode",
    "InitFunction",
    "InstanceNorm",
    "MultiscaleDiscriminator",
    "NLayerDiscriminator",
    "NoNorm",
    "NormFactory",
    "PixelDiscriminator",
    "ReflectionPad",
    "ResnetBlock",
    "ResnetGenerator",
    "SyncBatchNorm",
    "UnetGenerator",
    "basic",
    "conv_bias",
    "current_mode",
    "describe_mismatch",
    "describe_networks",
    "infer_generator",
    "initialise",
    "multiscale",
    "n_layers",
    "pixel",
    "resnet_6blocks",
    "resnet_9blocks",
    "set_inference_mode",
    "unet_128",
    "unet_256",
    "without_instance_statistics",
]
