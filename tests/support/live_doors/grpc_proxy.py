"""V2 over gRPC: tritonclient, the proxy of examples/grpc as its own process, and a small model server behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.support.live_doors.clients import arrays_of
from tests.support.live_doors.door import AT_ONCE, MODEL, Counting, Door
from tests.support.scripts import ROOT
from tests.support.served_rows import NUMBERS, PREDICTION, ServedRows, lateness
from tests.support.written_logs.writing import Row

PROXY = ROOT / "examples" / "grpc" / "proxy.py"


@contextmanager
def proxy(metric_server: str, model_server: str, model: str, *options: str) -> Iterator[str]:
    """Run the proxy with further options; yield its address. It has sent what it counted when this ends."""
    command = [sys.executable, "-u", str(PROXY), "--listen", "127.0.0.1:0", "--model", model, *options]
    command += ["--model-server", model_server, "--metric-server", metric_server]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().split()[-1]}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


@contextmanager
def model_server(*, raw: bool = True, classes: bool = False) -> Iterator[tuple[str, list[Any]]]:
    """Run a server of V2 over gRPC that predicts on flights; yield its address, and the requests as they come.

    With `classes` it answers two values a row.
    """
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    got: list[Any] = []

    class Flights(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
        """A stand-in for a model."""

        def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802 - the names of the protocol
            return service_pb2.ServerLiveResponse(live=True)

        def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
            got.append((request, dict(context.invocation_metadata())))
            if request.id == "fail":
                context.set_trailing_metadata((("why", "as asked"),))
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "as the test asked")
            context.send_initial_metadata((("x-version", "7"),))
            return self._answer(request)

        def ModelStreamInfer(self, requests: Any, context: Any) -> Any:  # noqa: N802
            for request in requests:
                yield service_pb2.ModelStreamInferResponse(infer_response=self._answer(request))

        def _answer(self, request: Any) -> Any:
            position = [tensor.name for tensor in request.inputs].index("dep_delay")
            if request.raw_input_contents:
                delays = np.frombuffer(request.raw_input_contents[position], "<f8")
            else:
                delays = np.array(request.inputs[position].contents.fp64_contents)
            late = [lateness(None if np.isnan(delay) else delay) for delay in delays]
            answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
            output = answer.outputs.add(name=PREDICTION, datatype="FP64", shape=[len(late)])
            if classes:
                output.name = "probabilities"
                output.shape.append(2)
                late = [value for one in late for value in (1 - one, one)]
            if raw:
                answer.raw_output_contents.append(np.array(late, "<f8").tobytes())
            else:
                output.contents.fp64_contents.extend(late)
            return answer

    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Flights(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}", got
        finally:
            server.stop(2).wait()


def typed_request(features: list[Row]) -> Any:
    """Return a request whose contents are typed, which tritonclient sends only raw."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name=MODEL)
    for name, datatype, values in arrays_of(features, None):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[len(values), 1])
        if name in NUMBERS:
            tensor.contents.fp64_contents.extend(values)
        else:
            tensor.contents.bytes_contents.extend(str(value).encode() for value in values)
    return request


def _raw(server: Counting, rows: ServedRows) -> None:
    from tritonclient import grpc as client

    with (
        model_server() as (model, _),
        proxy(server.url, model, MODEL) as url,
        client.InferenceServerClient(url) as triton,
    ):
        for features, answers, _ in rows.batches(AT_ONCE):
            inputs = []
            for name, datatype, values in arrays_of(features, None):
                inputs.append(client.InferInput(name, [len(values)], datatype))
                inputs[-1].set_data_from_numpy(values)
            assert triton.infer(MODEL, inputs).as_numpy(PREDICTION).tolist() == answers


def _typed(server: Counting, rows: ServedRows) -> None:
    import grpc
    from tritonclient.grpc import service_pb2_grpc

    with (
        model_server(raw=False) as (model, _),
        proxy(server.url, model, MODEL) as url,
        grpc.insecure_channel(url) as channel,
    ):
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for features, answers, _ in rows.batches(AT_ONCE):
            assert list(stub.ModelInfer(typed_request(features)).outputs[0].contents.fp64_contents) == answers


_DOCUMENTED = ("anything that speaks V2 over gRPC",)
GRPC: dict[str, Door] = {
    "gRPC proxy, raw contents": Door(_raw, _DOCUMENTED, "tritonclient"),
    "gRPC proxy, typed contents": Door(_typed, _DOCUMENTED, "tritonclient"),
}
