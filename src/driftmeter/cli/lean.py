"""Import scipy.special without all of numpy: a third of the CPU time that a small `check` takes.

`scipy.special` copies every name of numpy (array_api_compat, `clone_module`) and so loads the modules that numpy loads
only where they are asked for, f2py with its Fortran parser among them. Nothing here or in `scipy.special` uses them.
"""

from __future__ import annotations

_UNUSED = ("f2py", "ma", "polynomial", "testing")


def import_scipy_special() -> None:
    """Import `scipy.special`; for commands only, since other threads may ask numpy for a module meanwhile."""
    import numpy as np

    names = vars(np)
    hidden = [name for name in _UNUSED if name not in names]
    names.update(dict.fromkeys(hidden))
    try:
        import scipy.special  # noqa: F401
    finally:
        for name in hidden:
            if names[name] is None:
                del names[name]
