"""Loading torch beside a window that must not stand still.

Importing torch on another thread stops the window for half a second at a time: the loader of shared libraries runs
with Python's lock held, and so does each pass of the garbage collector over the many objects that an import makes. So
the large library is brought into memory by a foreign call, which gives the lock up, and the collector rests meanwhile.
Measured on two cores: longest gap 0.6 s before, 0.1 s after.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_LIBRARY = {"linux": "libtorch_cpu.so", "darwin": "libtorch_cpu.dylib"}


def warm_up(modules: Sequence[str] = ("torch", "timm")) -> None:
    """Import what models need, on the calling thread; does nothing the second time.

    A failure is left for the import that really needs the module, which can say more about it.
    """
    if all(name in sys.modules for name in modules):
        return
    _preload()
    was_on = gc.isenabled()
    gc.disable()
    try:
        for name in modules:
            if importlib.util.find_spec(name) is not None:
                importlib.import_module(name)
    except ImportError:
        return
    finally:
        gc.freeze()  # what was imported stays; the collector need not look at it again
        if was_on:
            gc.enable()


def _preload() -> None:
    """Bring torch's largest library into memory with Python's lock released."""
    name = _LIBRARY.get(sys.platform)
    spec = importlib.util.find_spec("torch")
    if name is None or spec is None or spec.origin is None:
        return
    library = Path(spec.origin).parent / "lib" / name
    if library.is_file():
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.restype, dlopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
        dlopen(os.fsencode(library), os.RTLD_LAZY)
