"""The parts of the build that pyproject.toml cannot say: train.py and test.py travel inside the package."""

from setuptools import setup
from setuptools.command.build_py import build_py

SCRIPTS = ("train", "test")


class BuildWithScripts(build_py):
    """Adds the two scripts at the root to the wheel as pixlate.train and pixlate.test."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        modules: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)
        if package == "pixlate":
            modules += [(package, name, f"{name}.py") for name in SCRIPTS]
        return modules


setup(cmdclass={"build_py": BuildWithScripts})
