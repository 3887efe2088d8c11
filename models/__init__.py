"""Image-translation models: pix2pix, CycleGAN, and the base class of any further one."""
