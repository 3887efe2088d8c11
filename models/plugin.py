"""Registers the built-in models, networks, norms, losses, initialisations, optimizers and learning-rate policies."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register

from .configs import CycleGANConfig, DistillationConfig, Pix2PixConfig, SingleConfig

PIX2PIX = {"dataset_mode": "aligned", "norm": "batch", "netG": "unet_256", "gan_mode": "vanilla", "pool_size": 0}


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
        defaults=PIX2PIX,
    )
    register(
        "colorization",
        "pixlate.models.colorization:Colorization",
        config=Pix2PixConfig,
        help="pix2pix from the lightness of photographs to their colours; needs the extra 'color'",
        defaults={**PIX2PIX, "dataset_mode": "colorization", "input_nc": 1, "output_nc": 2},
    )
    register(
        "distillation",
        "pixlate.models.distillation:Distillation",
        config=DistillationConfig,
        help="a small generator learns the outputs of a trained one; started by 'pixlate distill' (Li et al. 2020)",
        defaults={"dataset_mode": "aligned", "netG": "resnet_6blocks", "dropout": False, "gan_mode": "vanilla"},
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
        "basic": "PatchGAN that classifies 70x70 patches",
        "n_layers": "PatchGAN of --n_layers_D layers",
        "pixel": "PixelGAN: classifies every pixel by itself",
        "multiscale": "PatchGANs of --n_layers_D layers on --num_D scales (Wang et al. 2018)",
    }
    for name, help in generator.items():
        register(name, f"{networks}:{name}", help=help, role="generator")
    for name, help in discriminator.items():
        register(name, f"{networks}:{name}", help=help, role="discriminator")


@hookimpl
def register_norms(register: Register) -> None:
    norms = "pixlate.models.networks.norms"
    register("batch", f"{norms}:BatchNorm", help="batch normalisation with learnt scale and shift")
    register("instance", f"{norms}:InstanceNorm", help="instance normalisation: each image by its own statistics")
    register("syncbatch", f"{norms}:SyncBatchNorm", help="batch normalisation synchronised over all processes")
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
    register("kaiming", f"{inits}:kaiming", help="He normal (fan-in); ignores --init_gain")
    register("orthogonal", f"{inits}:orthogonal", help="orthogonal, scaled by --init_gain")


@hookimpl
def register_lr_policies(register: Register) -> None:
    policies = "pixlate.models.lr_policies"
    register("linear", f"{policies}:Linear", help="constant, then linear decay to zero over --n_epochs_decay")
    register("step", f"{policies}:Step", help="times 0.1 every --lr_decay_iters epochs")
    register("plateau", f"{policies}:Plateau", help="times 0.2 when the loss has not fallen for 5 epochs")
    register("cosine", f"{policies}:Cosine", help="cosine annealing to zero over the whole run")
    register("warmup", f"{policies}:WarmUp", help="rising over the first --lr_warmup steps, then as linear")
    register(
        "warmup_cosine", f"{policies}:WarmUpCosine", help="rising over the first --lr_warmup steps, then as cosine"
    )


@hookimpl
def register_optimizers(register: Register) -> None:
    optimizers = "pixlate.models.optimizers"
    register("adam", f"{optimizers}:adam", help="Adam (Kingma and Ba 2015)")
    register("adamw", f"{optimizers}:adamw", help="Adam with decoupled weight decay (Loshchilov and Hutter 2019)")
    register("sgd", f"{optimizers}:sgd", help="stochastic gradient descent with momentum --beta1")
    register("rmsprop", f"{optimizers}:rmsprop", help="RMSprop (Tieleman and Hinton 2012)")
