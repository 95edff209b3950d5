from __future__ import annotations

from urllib.parse import urlsplit

import yaml

from driftmeter.server.routes.cloud_events import post_events
from driftmeter.server.routes.table import OPERATIONS
from tests.support.scripts import ROOT


def test_the_logger_of_the_manifest_sends_to_a_route_of_the_server() -> None:
    manifest = yaml.safe_load((ROOT / "examples/kserve/inferenceservice.yaml").read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    logger = manifest["spec"]["predictor"]["logger"]
    assert logger["mode"] == "all"
    (operation,) = (operation for operation in OPERATIONS if operation.handler is post_events)
    match = operation.route().path_regex.match(urlsplit(logger["url"]).path)
    assert match is not None
    assert match["model"] == manifest["metadata"]["name"]
