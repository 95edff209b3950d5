#!/bin/sh
# A LightGBM model asked with the columns in another order: it answers, and wrongly.
#
# A model server builds the frame from JSON, whose keys come in another order than at training. scikit-learn's own
# estimators raise a ValueError then, XGBoost too. A monitor that goes by names sees nothing wrong with such rows.
#
# Guess: a model that was fitted on a frame, and has feature_names_in_, matches columns by name, or refuses.
# Really: lightgbm 4.7.0 takes them by position, in LGBMRegressor.predict and in Booster.predict alike: other predictions,
# without an error or a warning. It cannot match them: blanks in names became _ in training, in feature_names_in_ too,
# and two columns "a b" and "a_b" cannot be trained on at all. driftmeter matches by that rule (integrations/names.py), and
# docs/doors.md says to give frames in the order of feature_names_in_.
#
# Takes a minute: packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 scikit-learn==1.9.1 pandas==3.1.1
"$dir/env/bin/python" - <<'P'
import sys
import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

frame = pd.DataFrame({"a b": np.arange(50.0), "c": np.arange(50.0) % 7})
swapped = frame[["c", "a b"]]
model = lgb.LGBMRegressor(n_estimators=5, min_child_samples=2, verbose=-1).fit(frame, frame["c"])
other = HistGradientBoostingRegressor().fit(frame, frame["c"])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    off = [float(np.abs(one.predict(swapped) - one.predict(frame)).max()) for one in (model, model.booster_)]
try:
    other.predict(swapped)
    refused = ""
except ValueError as error:
    refused = str(error).splitlines()[0]
print("lightgbm", lgb.__version__, model.feature_names_in_.tolist(), "off by", off, "warnings:", len(told))
print("scikit-learn:", refused)
sys.exit(not (min(off) > 1 and not told and refused and model.feature_names_in_.tolist() == ["a_b", "c"]))
P
