"""NannyML in bench/performance.py, in an environment of its own: writes the data sets, and estimates on them.

    python bench/performance_rivals.py data FOLDER      # its packaged sets as CSV: NAME-reference and NAME-analysis
    python bench/performance_rivals.py NAME FOLDER      # CBPE or DLE, and the realised metrics

Nothing here imports driftmeter.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PACKAGED = {
    "car loan": ("synthetic_car_loan", "target"),
    "housing": ("california_housing", "gt"),
    "multiclass": ("mc", "gt"),
    "regression": ("regression_synthetic", "targets"),
}
CLASSES = ("prepaid_card", "highstreet_card", "upmarket_card")
COLUMNS: dict[str, dict[str, Any]] = {
    "car loan": {"y_true": "repaid", "y_pred": "y_pred", "y_pred_proba": "y_pred_proba"},
    "housing": {"y_true": "clf_target", "y_pred": "y_pred", "y_pred_proba": "y_pred_proba"},
    "multiclass": {
        "y_true": "y_true",
        "y_pred": "y_pred",
        "y_pred_proba": {name: f"y_pred_proba_{name}" for name in CLASSES},
    },
    "regression": {"y_true": "y_true", "y_pred": "y_pred"},
    "flights": {"y_true": "late", "y_pred": "y_pred", "y_pred_proba": "prediction"},
}


def write(folder: Path) -> dict[str, Any]:
    """Write the packaged sets, labels beside the rows that are analysed."""
    import nannyml
    import pandas as pd

    data = Path(nannyml.__file__).parent / "datasets" / "data"
    for name, (stem, ending) in PACKAGED.items():
        analysis = pd.read_csv(data / f"{stem}_analysis.csv")
        labels = pd.read_csv(data / f"{stem}_analysis_{ending}.csv")
        analysis.merge(labels, on="id", how="left").drop(columns="id").to_csv(
            folder / f"{name}-analysis.csv", index=False
        )
        reference = pd.read_csv(data / f"{stem}_reference.csv").drop(columns="id")
        reference.to_csv(folder / f"{name}-reference.csv", index=False)
    return {}


def run(name: str, folder: Path) -> dict[str, Any]:
    """Return the estimates of each chunk with their 95 % interval, and the realised metrics."""
    warnings.filterwarnings("ignore")
    import nannyml
    import pandas as pd

    reference = pd.read_csv(folder / f"{name}-reference.csv")
    analysis = pd.read_csv(folder / f"{name}-analysis.csv")
    columns = COLUMNS[name]
    metrics = ["mae", "rmse"] if name == "regression" else ["roc_auc", "accuracy", "f1"]
    start = time.process_time()
    if name == "regression":
        features = [one for one in reference if one not in (*columns.values(), "timestamp")]
        estimator = nannyml.DLE(feature_column_names=features, metrics=metrics, **columns)
        problem = "regression"
    else:
        problem = "classification_multiclass" if name == "multiclass" else "classification_binary"
        estimator = nannyml.CBPE(problem_type=problem, metrics=metrics, **columns)
    estimator.fit(reference)
    fitted = time.process_time()
    estimates = estimator.estimate(analysis.drop(columns=columns["y_true"])).filter(period="analysis").to_df()
    seconds, fitting = time.process_time() - start, fitted - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calculator = nannyml.PerformanceCalculator(problem_type=problem, metrics=metrics, **columns)
    calculator.fit(reference)
    realised = calculator.calculate(analysis).filter(period="analysis").to_df()
    found: dict[str, Any] = {}
    for metric in metrics:
        value, error = estimates[(metric, "value")], estimates[(metric, "sampling_error")]
        found[metric] = [
            [float(v), float(v - 1.96 * e), float(v + 1.96 * e)] for v, e in zip(value, error, strict=True)
        ]
        found[f"{metric} realised"] = [float(one) for one in realised[(metric, "value")]]
    return {"metrics": found, "seconds": seconds, "fit": fitting, "memory": memory}


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(write(where) if what == "data" else run(what, where)))
