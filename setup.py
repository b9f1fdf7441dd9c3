"""The list of packages: those found here, and one whose folder has another name than the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["core", "core.*", "desktop", "desktop.*"]), "core._resources"],
    package_dir={"core._resources": "resources"},
)
