#!/bin/sh
# numpy's masked element taken out of its array is the number 0.0.
#
# Code that takes a scalar out of whatever wraps it (an array of one, a 0-d array, a tensor) calls item(); of a masked
# array, an element that is masked says that there is no value.
#
# Guess: numpy.ma.masked.item() is None or NaN, or raises; `float(numpy.ma.masked)` warns and gives NaN.
# Really, numpy 2.4.6: 0.0, without a warning, from numpy.ma.masked itself, from a masked element and from a masked array
# of one: what is missing becomes the most ordinary number there is.
# Documented? MaskedArray.tolist() is ("masked values are converted to None"), and does so; item() only has ndarray's text.
#
# Takes seconds: one package from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
"$dir/env/bin/python" -W error::DeprecationWarning - <<'P'
import sys
import warnings

import numpy as np

one = np.ma.array([0.3], mask=[True])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    as_float = float(np.ma.masked)
found = np.ma.masked.item(), one[0].item(), one.item(), one.tolist(), as_float
print("numpy", np.__version__, "item():", found[:3], "tolist():", found[3], "float():", found[4])
sys.exit(not (found[:3] == (0.0, 0.0, 0.3) or found[:3] == (0.0, 0.0, 0.0)))
P
