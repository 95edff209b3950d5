"""Labels that were not named as such: monitored as features they would alarm on what the model is to predict."""

from __future__ import annotations

import re

import numpy as np

from driftmeter.types import Codes, Floats

MOST_LEVELS = 20
"""A label has at most so many values, unless it is called label, target, truth or the like."""
TIED = 0.7
"""The AUC of the prediction from which on a column with a doubtful name is a label."""
ASKED_ABOUT = 0.85
"""The AUC from which on a column with any name is asked about."""
_ALWAYS = re.compile(r"(?:the )?(?:true )?(?:label|target|ground truth|y true)(?: (?:value|class|column))?")
_SURE = re.compile(
    r"(?:(?:is|has|was|will) )?(?:(?:true|actual|final|class|binary) )?"
    r"(?:labels?|target|outcome|truth|churn|churned|fraud|fraudulent|survived|converted|defaulted|exited|readmitted)"
)
_DOUBTFUL = re.compile(
    r"(?:(?:is|has|was|will) )?(?:y|class|default|response|result|status|actual|real|clicked|click|purchased|bought|"
    r"repaid|paid back|cancelled|canceled|late|positive|spam|phishing|success|won|event|loan status|attrition)"
    r"|.* actual"
)
_SURE_OF_TWO = re.compile(r".* (?:label|target|outcome|ground truth|truth)")
"""Names of labels if there are but two values: else it may be the label of a product or a price target."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def label_by_name(name: str, levels: int, tie: float | None) -> bool:
    """Say whether a column of `levels` different values is a label, by its name.

    `tie` is the AUC of the prediction for it, None where there is no prediction.

    >>> label_by_name("target", 900, None), label_by_name("isFraud", 2, None), label_by_name("outcome", 900, None)
    (True, True, False)
    >>> label_by_name("y", 2, 0.9), label_by_name("y", 2, None), label_by_name("income", 2, 0.9)
    (True, False, False)
    """
    words = " ".join(word.lower() for word in _WORDS.findall(name))
    if _ALWAYS.fullmatch(words):
        return True
    if not 2 <= levels <= MOST_LEVELS:
        return False
    if levels == 2 and _SURE_OF_TWO.fullmatch(words):
        return True
    return _SURE.fullmatch(words) is not None or (
        tie is not None and tie >= TIED and _DOUBTFUL.fullmatch(words) is not None
    )


def tie_of(codes: Codes, prediction: Floats) -> float:
    """Return the largest AUC by which the prediction tells one value of a column from the others, from 0.5 to 1.

    `codes` (rows,) number the values of the column, at most MOST_LEVELS, below 0 where it is missing; `prediction`
    (rows,) is a number or the number of a class, NaN where it is missing.

    >>> tie_of(np.array([0, 0, 1, 1, -1]), np.array([0.1, 0.2, 0.15, 0.9, 0.5]))
    0.75
    """
    rows = (codes >= 0) & np.isfinite(prediction)
    codes, prediction = codes[rows], prediction[rows]
    if not len(codes):
        return 0.5
    _, inverse, counts = np.unique(prediction, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse.reshape(-1)]
    own = np.bincount(codes).astype(np.float64)
    others = len(codes) - own
    above = np.bincount(codes, ranks) - own * (own + 1) / 2
    auc = np.divide(above, own * others, out=np.full(len(own), 0.5), where=own * others > 0)
    return float(np.maximum(auc, 1 - auc).max())
