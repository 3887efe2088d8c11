"""The built-in models, networks and their parts, registered as any plugin registers its own."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register

from .configs import CycleGANConfig, Pix2PixConfig, SingleConfig


@hookimpl
def register_models(register: Register) -> None:
    register(
        "cycle_gan",
        "pixlate.models.cycle_gan:CycleGAN",
        config=CycleGANConfig,
        help="unpaired translation in both directions (Zhu et al. 2017)",
        defaults={"dataset_mode": "unaligned", "dropout": False},
    )
    register(
        "pix2pix",
        "pixlate.models.pix2pix:Pix2Pix",
        config=Pix2PixConfig,
        help="paired translation with a conditional GAN (Isola et al. 2017)",
        defaults={
            "dataset_mode": "aligned",
            "norm": "batch",
            "netG": "unet_256",
            "gan_mode": "vanilla",
            "pool_size": 0,
        },
    )
    register(
        "test",
        "pixlate.models.single:Single",
        config=SingleConfig,
        help="one trained generator, in one direction; for testing only",
        defaults={"dataset_mode": "single"},
    )


@hookimpl
def register_networks(register: Register) -> None:
    networks = "pixlate.models.networks"
    generator = {
        "resnet_9blocks": "9 residual blocks, for 256 px and more (Johnson et al. 2016)",
        "resnet_6blocks": "6 residual blocks, for 128 px",
        "unet_256": "U-Net of 8 levels, for multiples of 256 px",
        "unet_128": "U-Net of 7 levels, for multiples of 128 px",
    }
    discriminator = {
        "basic": "PatchGAN that judges 70x70 patches",
        "n_layers": "PatchGAN of --n_layers_D layers",
        "pixel": "judges every pixel by itself",
    }
    for name, help in generator.items():
        register(name, f"{networks}:{name}", help=help, role="generator")
    for name, help in discriminator.items():
        register(name, f"{networks}:{name}", help=help, role="discriminator")


@hookimpl
def register_norms(register: Register) -> None:
    norms = "pixlate.models.networks.norms"
    register("batch", f"{norms}:BatchNorm", help="statistics of the batch, learnt scale and shift")
    register("instance", f"{norms}:InstanceNorm", help="statistics of each image")
    register("syncbatch", f"{norms}:SyncBatchNorm", help="batch norm over all processes")
    register("none", f"{norms}:NoNorm", help="no normalisation")


@hookimpl
def register_losses(register: Register) -> None:
    losses = "pixlate.models.gan_loss"
    register("lsgan", f"{losses}:LSGAN", help="squared distance to 1 and 0 (Mao et al. 2017)")
    register("vanilla", f"{losses}:Vanilla", help="binary cross-entropy (Goodfellow et al. 2014)")
    register("hinge", f"{losses}:Hinge", help="hinge loss (Lim and Ye 2017)")
    register("wgangp", f"{losses}:WGANGP", help="Wasserstein with gradient penalty (Gulrajani et al. 2017)")


@hookimpl
def register_inits(register: Register) -> None:
    inits = "pixlate.models.networks.init"
    register("normal", f"{inits}:normal", help="normal with standard deviation --init_gain")
    register("xavier", f"{inits}:xavier", help="Glorot normal, scaled by --init_gain")
    register("kaiming", f"{inits}:kaiming", help="He normal over the inputs; --init_gain has no part in it")
    register("orthogonal", f"{inits}:orthogonal", help="orthogonal, scaled by --init_gain")


@hookimpl
def register_lr_policies(register: Register) -> None:
    policies = "pixlate.models.lr_policies"
    register("linear", f"{policies}:Linear", help="constant, then falling to zero over --n_epochs_decay")
    register("step", f"{policies}:Step", help="a tenth every --lr_decay_iters epochs")
    register("plateau", f"{policies}:Plateau", help="a fifth when the loss has not fallen for 5 epochs")
    register("cosine", f"{policies}:Cosine", help="half a cosine over the whole run")
