"""The proxy of examples/grpc: what passes is what was sent, whether it is counted or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live_doors.door import Counting, counting
from tests.support.served_rows import ServedRows, served_rows

pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed: make test-doors")

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.support.live_doors.grpc_proxy import model_server, proxy, typed_request


@pytest.fixture(scope="module")
def rows() -> ServedRows:
    return served_rows(50_000, 300)


@pytest.fixture
def server() -> Iterator[Counting]:
    with counting() as server:
        yield server


def test_a_call_passes_as_it_is_with_its_metadata(server: Counting, rows: ServedRows) -> None:
    request = typed_request(rows.features)
    request.id, request.parameters["priority"].int64_param = "call-1", 3
    with (
        model_server() as (model, got),
        proxy(server.url, model, "flights") as url,
        grpc.insecure_channel(url) as channel,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer, call = stub.ModelInfer.with_call(request, timeout=20, metadata=[("tenant", "a"), ("key-bin", b"\0\1")])
        assert stub.ServerLive(service_pb2.ServerLiveRequest()).live
        [(seen, metadata)] = got
        assert seen.SerializeToString(deterministic=True) == request.SerializeToString(deterministic=True)
        assert (metadata["tenant"], metadata["key-bin"]) == ("a", b"\0\1")
        assert ("x-version", "7") in [tuple(pair) for pair in call.initial_metadata()]
        assert answer.id == "call-1"
        with grpc.insecure_channel(model) as direct:
            bare = service_pb2_grpc.GRPCInferenceServiceStub(direct).ModelInfer(request)
        assert answer.SerializeToString(deterministic=True) == bare.SerializeToString(deterministic=True)
    assert server.counted().rows == 300


def test_an_error_passes_and_counts_nothing(server: Counting, rows: ServedRows) -> None:
    request = typed_request(rows.features)
    request.id = "fail"
    with (
        model_server() as (model, _),
        proxy(server.url, model, "flights") as url,
        grpc.insecure_channel(url) as channel,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            stub.ModelInfer(request)
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert failed.value.details() == "as the test asked"
        assert ("why", "as asked") in [tuple(pair) for pair in failed.value.trailing_metadata()]
        with pytest.raises(grpc.RpcError) as missing:
            stub.RepositoryIndex(service_pb2.RepositoryIndexRequest())
        assert missing.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert server.counted().rows == 0


def test_streams_pass_and_are_not_counted(server: Counting, rows: ServedRows) -> None:
    requests = [typed_request(rows.features[:2]), typed_request(rows.features[2:5])]
    with (
        model_server() as (model, _),
        proxy(server.url, model, "flights") as url,
        grpc.insecure_channel(url) as channel,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        answers = list(stub.ModelStreamInfer(iter(requests)))
    assert [one.infer_response.outputs[0].shape[0] for one in answers] == [2, 3]
    assert server.counted().rows == 0


def test_what_cannot_be_read_or_is_too_large_passes_and_is_a_lost_row(server: Counting, rows: ServedRows) -> None:
    large: Any = typed_request(rows.features * 100)
    odd = typed_request(rows.features[:2])
    with (
        model_server() as (model, _),
        proxy(server.url, model, "flights") as url,
        grpc.insecure_channel(url) as channel,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert stub.ModelInfer(large).outputs[0].shape[0] == 30_000
        odd.inputs[0].shape[0] = 7
        assert stub.ModelInfer(odd).outputs[0].shape[0] == 2
    [source] = server.engine.store.sources("flights")
    assert (source.totals.counted, source.totals.dropped) == (0, {"invalid": 2})


def test_of_two_values_a_row_the_class_that_is_asked_for_counts(rows: ServedRows) -> None:
    counts = []
    for classes in (False, True):
        with counting() as server:
            with (
                model_server(classes=classes) as (model, _),
                proxy(server.url, model, "flights", *(["--of-class", "1"] if classes else [])) as url,
                grpc.insecure_channel(url) as channel,
            ):
                service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(typed_request(rows.features), timeout=20)
            counts.append(server.counted())
    assert counts[0].rows == 300
    assert counts[0] == counts[1]
