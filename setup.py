"""Which folder is which package: `core/` and `desktop/` are installed as `counterpart.core` and `counterpart.desktop`.

`core/api/` is the package `counterpart` itself, and `resources/` travels as `counterpart/core/_resources`.
"""

from setuptools import find_packages, setup

found = find_packages(include=["core", "core.*", "desktop", "desktop.*"], exclude=["core.api"])

setup(
    packages=["counterpart", *(f"counterpart.{name}" for name in found), "counterpart.core._resources"],
    package_dir={
        "counterpart": "core/api",
        "counterpart.core": "core",
        "counterpart.desktop": "desktop",
        "counterpart.core._resources": "resources",
    },
)
