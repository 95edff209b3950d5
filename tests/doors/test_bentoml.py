"""BentoML's own `bentoml.monitor`, with our type of monitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
import pytest

from driftmeter.profile.profile import Profile
from tests.client.samples import directly
from tests.client.tier import Tier

pytest.importorskip("bentoml", reason="bentoml is not installed: make test-doors")

import bentoml

from driftmeter.integrations.bentoml import BentoMonitor, close


@pytest.fixture
def options(tier: Tier, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What `bentoml.monitor` is given; each name has one monitor in a process."""
    options = {"url": tier.url, "model": "m", "interval": 0.05}
    yield {"name": request.node.name, "monitor_class": BentoMonitor, "monitor_options": options}
    close()


def test_batches_count_with_the_prediction_that_is_called_as_the_profiles(
    options: dict[str, Any], tier: Tier, profile: Profile, frame: pandas.DataFrame
) -> None:
    for part in (frame[:1], frame[1:250], frame[250:]):
        with bentoml.monitor(**options) as record:
            for name in part.columns.drop("score"):
                record.log_batch(part[name].to_numpy(), name, "feature", "numerical")
            record.log_batch((part["score"] > 0.5).tolist(), "late", "prediction", "categorical")
            record.log_batch(part["score"].tolist(), "score", "prediction", "numerical")
            record.log_batch(part["score"].tolist(), "truth", "target", "numerical")
    assert close()
    assert tier.summary(profile) == directly(profile, frame.to_dict("records"))


def test_a_record_of_unequal_columns_is_lost_and_not_mixed_up(options: dict[str, Any], tier: Tier) -> None:
    with bentoml.monitor(**options) as record:
        record.log_batch([1.0, 2.0, 3.0], "age", "feature", "numerical")
        record.log_batch([1.0, 2.0], "net price", "feature", "numerical")
    monitor = BentoMonitor._monitors[-1]
    assert (monitor.stats()["observed"], monitor.stats()["dropped_invalid"]) == (3, 3)
    assert monitor.unreadable()[""]["got"] == "age: 3, net price: 2"
