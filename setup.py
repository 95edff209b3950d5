"""The compiled counter: an extension in C, optional, since all works without it. The rest is in pyproject.toml."""

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("src/driftmeter/counts/c")
# a product and a sum that are rounded once would not be what numpy computes
GNU = ["-O3", "-ffp-contract=off", "-Werror=implicit-function-declaration"]
MICROSOFT = ["/O2", "/fp:precise"]

counter = Extension(
    "driftmeter.counts._compiled",
    sources=sorted(map(str, SOURCES.glob("*.c"))),
    depends=sorted(map(str, SOURCES.glob("*.h"))),
    extra_compile_args=MICROSOFT if sys.platform == "win32" else GNU,
    py_limited_api=True,
    optional=True,
)
# a Python without a GIL has no stable ABI, and the counter relies on the GIL
without_gil = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
setup(
    ext_modules=[] if without_gil else [counter],
    options={} if without_gil else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
