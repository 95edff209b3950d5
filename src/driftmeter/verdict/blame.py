"""Which of the features that drift together are to blame, and which merely follow. Pure.

- A derived feature follows the feature of its own column, where that drifts.
- Else its residual may have moved because of another column: one in other units changes the residuals of all columns
  that it helps to explain. The search (blame_search.py) finds the columns that changed. They are to blame, by the name
  of their own feature, or of their residual where only that drifts; a residual that they explain follows the one that
  moves it most, and one that they do not explain is to blame itself.
- A number that drifts, and whose residual does not, is what the other numbers let one expect: where one that drifts
  worse accounts for most of its shift, it follows that one.
- Predictions are made of the features: they follow the worst of these, unless they drift worse than it.
- Nothing is said of categories, of which there are no residuals: each is to blame by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftmeter.profile.profile import Profile
from driftmeter.types import Counts
from driftmeter.verdict.blame_search import Search
from driftmeter.verdict.refit import Refit
from driftmeter.verdict.severity import Severity, rank

Follows = dict[str, str | None]
"""Whom each feature follows, None where it is to blame itself."""


@dataclass(frozen=True)
class Drifter:
    """A feature that drifts, and how badly."""

    feature: str
    severity: Severity
    effect: float

    @property
    def order(self) -> tuple[int, float, str]:
        """The key to sort by: the worst first."""
        return -rank(self.severity), -self.effect, self.feature


class Blame:
    """Says who follows whom, of the features of a profile. The refit is compiled when it is needed first."""

    def __init__(self, profile: Profile) -> None:
        """Take a profile."""
        self._profile = profile
        self._features = {feature.name: feature for feature in profile.features}
        self._refit: Refit | None = None

    def follows(self, drifting: Sequence[Drifter], counts: Counts) -> Follows:
        """Return for each drifting feature whom it follows, one that drifts too; None where it is to blame itself.

        `counts` (bins of all features,) are of rows in which all of them have changed.
        """
        worst = sorted(drifting, key=lambda drifter: drifter.order)
        names = {role: [one.feature for one in worst if self._features[one.feature].role == role]
                 for role in ("feature", "derived", "prediction")}  # fmt: skip
        by_column = {self._features[name].column: name for name in names["feature"]}
        follows: Follows = dict.fromkeys([one.feature for one in worst])
        follows |= {name: by_column.get(self._features[name].column) for name in names["derived"]}
        numbers = [name for name in names["feature"] if self._features[name].kind == "numeric"]
        if counts.any() and (len(numbers) > 1 or any(follows[name] is None for name in names["derived"])):
            follows |= self._by_refit([*numbers, *names["derived"]], counts)
        causes = [one for one in worst if one.feature not in names["prediction"] and follows[one.feature] is None]
        for one in worst:
            if one.feature in names["prediction"] and causes and causes[0].order[:2] <= one.order[:2]:
                follows[one.feature] = causes[0].feature
        return follows

    def _by_refit(self, names: Sequence[str], counts: Counts) -> Follows:
        """Return whom numbers and residuals follow, given worst first; empty without residuals."""
        residuals = self._profile.residuals
        if residuals is None:
            return {}
        if self._refit is None:
            self._refit = Refit(self._profile, residuals)
        search = Search(self._refit, names, {f.name: counts[part] for f, part in self._profile.slices()})
        return {**search.expected(names), **search.explained()}
