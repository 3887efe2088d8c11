"""Generators and discriminators, their norms, their starting weights, and how they behave at test.

One family per file. A generator is made by `make(input_nc, output_nc, ngf, norm, use_dropout)`, a
discriminator by `make(input_nc, ndf, n_layers, norm)`, where norm makes the layer for a number of channels.
"""

from .architecture import Architecture, describe_mismatch, infer_generator, without_instance_statistics
from .create import create_discriminator, create_generator
from .init import InitFunction, initialise
from .layers import Dropout, ReflectionPad
from .mode import InferenceMode, current_mode, set_inference_mode
from .norms import BatchNorm, InstanceNorm, NoNorm, NormFactory, SyncBatchNorm, conv_bias
from .patchgan import NLayerDiscriminator, basic, n_layers
from .pixelgan import PixelDiscriminator, pixel
from .resnet import ResnetBlock, ResnetGenerator, resnet_6blocks, resnet_9blocks
from .unet import UnetGenerator, unet_128, unet_256

__all__ = [
    "Architecture",
    "BatchNorm",
    "Dropout",
    "InitFunction",
    "InstanceNorm",
    "NLayerDiscriminator",
    "NoNorm",
    "NormFactory",
    "PixelDiscriminator",
    "ReflectionPad",
    "ResnetBlock",
    "ResnetGenerator",
    "SyncBatchNorm",
    "InferenceMode",
    "UnetGenerator",
    "basic",
    "conv_bias",
    "create_discriminator",
    "create_generator",
    "current_mode",
    "describe_mismatch",
    "infer_generator",
    "initialise",
    "n_layers",
    "pixel",
    "resnet_6blocks",
    "resnet_9blocks",
    "set_inference_mode",
    "unet_128",
    "unet_256",
    "without_instance_statistics",
]
