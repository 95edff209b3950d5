"""scikit-learn: an estimator whose predictions are monitored, and that is the same estimator otherwise."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, Literal, Self, get_args

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from driftmeter.client import Monitor
from driftmeter.errors import InputError
from driftmeter.integrations.calls import count_call, reject_call
from driftmeter.integrations.names import names_in

Method = Literal["predict", "predict_proba", "decision_function"]
_FITTING = ("partial_fit", "fit_predict", "fit_transform")


def monitored(
    estimator: Any, monitor: Monitor | None, *, method: Method = "predict", of_class: object = None
) -> MonitoredEstimator:
    """Return an estimator that does what `estimator` does, and reports the rows that it predicts on.

        model = monitored(pipeline, Monitor("http://localhost:8001", model="credit", profile="credit.json"))
        model.predict(frame)

    Calls of `method` count, with what they return as predictions; other methods count nothing, so that a row that is
    asked for its class and its probability counts once. A probability is that of `of_class`, in the binary case by
    default of the second class. Wrap the whole pipeline, whose rows have the names and units of the profile. The
    monitor may be None: then nothing counts.

    Raises InputError where the method is none of these, or the class none of the estimator's.
    """
    if method not in get_args(Method):
        raise InputError("method", " or ".join(get_args(Method)), repr(method)[:60])
    wrapped = MonitoredEstimator(estimator, monitor, method=method, of_class=of_class)
    if method == "predict_proba" and hasattr(estimator, "classes_"):
        wrapped._position()
    return wrapped


class MonitoredEstimator(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """What `monitored` returns. All that is not here is the estimator's own: `classes_`, `score`, `transform` …

    A clone has no monitor: searches and cross-validations predict on clones, and their rows are no traffic. Nor are
    those that `fit` and `score` look at. It is pickled with its monitor, which is a source of its own where it is
    loaded.
    """

    def __init__(
        self, estimator: Any, monitor: Monitor | None = None, *, method: Method = "predict", of_class: object = None
    ) -> None:
        """Keep the arguments as they are: see `monitored`."""
        self.estimator, self.monitor, self.method, self.of_class = estimator, monitor, method, of_class

    def fit(self, X: Any, y: Any = None, **options: Any) -> Self:  # noqa: N803 - the name that scikit-learn uses
        """Fit a clone of the estimator, which predicts from then on."""
        self.estimator_ = clone(self.estimator).fit(X, y, **options)
        return self

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the estimator; of its predictions, one that counts."""
        if name.startswith("__") or name in ("estimator", "estimator_", "monitor", "method", "of_class"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        found = getattr(self._inner, name)
        if name in _FITTING:
            return self._fitting(name, found)
        if name == self.method and self.monitor is not None and callable(found):
            return self._counting(found)
        return found

    def __dir__(self) -> list[str]:
        """Name the estimator's attributes too."""
        return sorted({*super().__dir__(), *dir(self._inner)})

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether the estimator is fitted."""
        try:
            check_is_fitted(self._inner)
        except Exception:
            return False
        return True

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the estimator."""
        return deepcopy(get_tags(self._inner))

    def __sklearn_clone__(self) -> MonitoredEstimator:
        """Return a clone that counts nothing."""
        return MonitoredEstimator(clone(self.estimator), method=self.method, of_class=self.of_class)

    @property
    def _inner(self) -> Any:
        return self.__dict__.get("estimator_", self.__dict__.get("estimator"))

    def _fitting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that fits, but not the estimator that was given."""

        @wraps(method)
        def fit(X: Any, y: Any = None, *arguments: Any, **options: Any) -> Any:  # noqa: N803
            if name != "partial_fit" or "estimator_" not in self.__dict__:
                self.estimator_ = clone(self.estimator)
            done = getattr(self.estimator_, name)(X, y, *arguments, **options)
            return self if done is self.estimator_ else done

        return fit

    def _counting(self, predict: Callable[..., Any]) -> Callable[..., Any]:
        monitor = self.monitor
        assert monitor is not None

        @wraps(predict)
        def predict_and_count(X: Any, *arguments: Any, **options: Any) -> Any:  # noqa: N803
            answer = predict(X, *arguments, **options)
            try:
                self._count(monitor, X, answer)
            except Exception as error:  # a model's answer never depends on its monitor
                reject_call(monitor, X, error)
            return answer

        return predict_and_count

    def _count(self, monitor: Monitor, rows: Any, answer: Any) -> None:
        predictions = np.asarray(answer) if self.method != "predict" else answer
        if self.method != "predict" and predictions.ndim == 2:
            predictions = predictions[:, self._position()]
        names = getattr(self._inner, "feature_names_in_", None)
        count_call(monitor, rows, predictions, None if names is None else names_in(monitor.profile, names))

    def _position(self) -> int:
        """Return the column of the probability that is the prediction."""
        classes = np.asarray(self._inner.classes_).tolist()
        if self.of_class is None and len(classes) == 2:
            return 1
        if self.of_class not in classes:
            got = "none" if self.of_class is None else repr(self.of_class)[:60]
            raise InputError("of_class", f"one of the classes {', '.join(map(repr, classes))[:200]}", got)
        position: int = classes.index(self.of_class)
        return position
