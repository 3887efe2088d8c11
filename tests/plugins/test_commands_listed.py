"""`pixlate --help` lists every command that the documentation names."""

from trainings import run

COMMANDS = {"train", "test", "download", "new-plugin", "plugins"} | {
    *(
        "check",
        "compare",
        "translate",
        "distill",
        "runs",
        "serve",
        "evaluate",
        "export",
        "metrics",
        "combine",
        "separate",
        "split",
        "edges",
        "prepare-cityscapes",
        "models",
        "datasets",
        "networks",
        "norms",
        "losses",
        "inits",
        "lr-policies",
        "optimizers",
        "readers",
        "viewers",
        "writers",
    )
}


def test_every_command_is_listed() -> None:
    listed = run("--help").output.partition("Commands:")[2]
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "} == COMMANDS
