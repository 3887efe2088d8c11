"""Options that several commands have, which load a trained model."""

import click

plugin_files = click.option(
    "--plugin", "files", metavar="FILE.py", multiple=True, help="load the plugin in this file, whose code runs"
)
epoch = click.option("--epoch", default="latest", show_default=True, metavar="TAG", help="checkpoint")
direction = click.option(
    "--direction", type=click.Choice(["AtoB", "BtoA"]), help="of a model of both [default: that of the run]"
)
device = click.option(
    "--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps"
)
