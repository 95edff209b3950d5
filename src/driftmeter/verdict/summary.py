"""What drifts, told from its causes on: the order of features, the causes, and one sentence. Works on public JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from driftmeter.profile.residuals import GIVEN_THE_REST
from driftmeter.types import JSON
from driftmeter.verdict.sentences import RETURNING
from driftmeter.verdict.severity import rank

_MOST_CAUSES, _MOST_FOLLOWERS = 3, 5


def blame_order(feature: JSON) -> tuple[bool, int, float, bool, str]:
    """Return the key to sort by: causes before followers, then by severity and effect, derived ones last.

    Every key but `feature` may be missing, as in what an earlier version has stored.

    >>> features = [{"feature": "b", "follows": "a", "severity": "major"}, {"feature": "a", "severity": "slight"}]
    >>> [feature["feature"] for feature in sorted(features, key=blame_order)]
    ['a', 'b']
    """
    severity, effect = rank(feature.get("severity") or "none"), float(feature.get("effect") or 0.0)
    derived = feature.get("role") == "derived"
    return feature.get("follows") is not None, -severity, -effect, derived, str(feature["feature"])


def causes_of(drifting: Sequence[JSON]) -> list[JSON]:
    """Return those of some drifting features that are to blame for all, the worst first.

    A feature whose cause is not among them, since that is over, is to blame itself.
    """
    names = {feature["feature"] for feature in drifting}
    return sorted((feature for feature in drifting if feature.get("follows") not in names), key=blame_order)


def summary_of(drifting: Sequence[JSON]) -> str | None:
    """Say in one sentence what some drifting features are to blame for, and which follow; None where nothing drifts.

    Of each cause that is its `change`, such as "looks like °F → °C", and where that is not known `why` it drifts.

    >>> temp = {"feature": "temp", "role": "feature", "follows": None, "why": "Fell from 55 to 13 on average."}
    >>> humid = {"feature": "humid given the rest", "role": "derived", "follows": "temp"}
    >>> summary_of([humid, temp])
    'temp: fell from 55 to 13 on average; humid given the rest follows.'
    """
    causes = causes_of(drifting)
    if not causes:
        return None
    told = [_told(cause) for cause in causes[:_MOST_CAUSES]]
    if len(causes) > _MOST_CAUSES:
        more = len(causes) - _MOST_CAUSES
        told.append(f"{more} more drift{'s' if more == 1 else ''}")
    blamed = {feature["feature"] for feature in causes}
    columns = {subject_of(cause) for cause in causes}
    followers = sorted((feature for feature in drifting if feature["feature"] not in blamed), key=blame_order)
    plain = [subject_of(feature) for feature in followers if feature.get("role") != "derived"]
    given = [name for name in dict.fromkeys(map(subject_of, followers)) if name not in columns.union(plain)]
    subjects = [listed(plain, _MOST_FOLLOWERS)] if plain else []
    if given:
        subjects.append(f"{listed(given, _MOST_FOLLOWERS)} {GIVEN_THE_REST}")
    if subjects:
        verb = "follows" if len(plain) + len(given) == 1 else "follow"
        told.append(f"{', and '.join(subjects)}{',' if len(subjects) > 1 else ''} {verb}")
    return f"{'; '.join(told)}."


def subject_of(feature: JSON) -> str:
    """Return the column that a feature is about: of a derived one the column that the others do not explain.

    >>> subject_of({"feature": "temp given the rest", "role": "derived"})
    'temp'
    """
    name = str(feature["feature"])
    return name.removesuffix(f" {GIVEN_THE_REST}") if feature.get("role") == "derived" else name


def listed(names: Sequence[str], most: int) -> str:
    """List names as a sentence does; of more than `most` the first, and how many more there are.

    >>> listed(["a"], 3), listed(["a", "b", "c"], 3), listed(["a", "b", "c", "d"], 3)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def lasting_of(members: Iterable[JSON]) -> list[JSON]:
    """Return the features of an incident that still drift; of a closed one, in which all are over, all of them."""
    every = list(members)
    return [member for member in every if member.get("over") is None] or every


def _told(cause: JSON) -> str:
    change = cause.get("change")
    if isinstance(change, dict) and change.get("text"):
        return f"{cause['feature']} {change['text']}"
    why = str(cause.get("why") or "It drifts.").removesuffix(f" {RETURNING}").removesuffix(".")
    return f"{cause['feature']}: {why[0].lower()}{why[1:]}"
