"""A proxy before a model server that speaks the Open Inference Protocol V2 over gRPC, such as Triton or KServe.

    pip install driftmeter grpcio
    python proxy.py --model-server localhost:9000 --model credit --metric-server http://localhost:8001

Every call passes as it is: its bytes, metadata, deadline and errors, of whichever service. Of `ModelInfer` the rows
and predictions are counted once the answer is on its way. What else passes, such as `ModelStreamInfer`, is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc

from driftmeter import Monitor
from driftmeter.integrations.calls import count_protobuf

SERVICE = "/inference.GRPCInferenceService/"
MODEL_INFER, STREAM = f"{SERVICE}ModelInfer", f"{SERVICE}ModelStreamInfer"
MOST_BYTES = 1_000_000
"""Bytes of a request that is counted: reading it takes time of the proxy. Larger ones pass, and are lost rows."""
OF_THE_CONNECTION = ("grpc-", ":", "user-agent")
"""Begin the names of metadata that the next connection has its own of."""
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class CountingProxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands every call to a model server, and counts what `ModelInfer` was asked and answered."""

    def __init__(self, channel: grpc.aio.Channel, monitor: Monitor, of_class: int | str | None = None) -> None:
        """Keep the channel to the model server, the monitor, and which of several values is the prediction."""
        self._channel, self._monitor, self._of_class = channel, monitor, of_class

    def service(self, details: Any) -> Any:
        """Return what handles a call of a method."""
        if details.method.startswith(SERVICE) and details.method != STREAM:
            return grpc.unary_unary_rpc_method_handler(partial(self._one, details.method))
        # a call of one message each way is on the wire as a stream is that has one
        return grpc.stream_stream_rpc_method_handler(partial(self._stream, details.method))

    async def _one(self, method: str, request: bytes, context: Any) -> bytes:
        """Pass on a request, and its answer."""
        call = self._channel.unary_unary(method)(request, **_about(context))
        async with _passing(call, context):
            await context.send_initial_metadata(await call.initial_metadata())
            answer: bytes = await call
        if method == MODEL_INFER:
            context.add_done_callback(lambda _: self._count(request, answer))
        return answer

    async def _stream(self, method: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Pass on messages of both sides as they come."""
        call = self._channel.stream_stream(method)(requests, **_about(context))
        async with _passing(call, context):
            await context.send_initial_metadata(await call.initial_metadata())
            async for answer in call:
                yield answer

    def _count(self, request: bytes, answer: bytes) -> None:
        if len(request) > MOST_BYTES:
            self._monitor.reject(f"a request of at most {MOST_BYTES:,} bytes", f"{len(request):,}")
        else:
            count_protobuf(self._monitor, request, answer, self._of_class)


def _about(context: Any) -> dict[str, Any]:
    """Return the deadline and the metadata of a call, without what is of the connection."""
    metadata = [pair for pair in context.invocation_metadata() if not pair[0].startswith(OF_THE_CONNECTION)]
    return {"timeout": context.time_remaining(), "metadata": metadata}


@asynccontextmanager
async def _passing(call: Any, context: Any) -> AsyncIterator[None]:
    """Pass on how a call ends; where the client gives up, the model server is told so."""
    try:
        yield
        context.set_trailing_metadata(tuple(await call.trailing_metadata()))
    except grpc.aio.AioRpcError as error:
        await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
    finally:
        call.cancel()


async def serve(listen: str, model_server: str, monitor: Monitor, of_class: int | str | None = None) -> None:
    """Serve until a signal ends the process; print the port that was bound."""
    async with grpc.aio.insecure_channel(model_server, options=ANY_SIZE) as channel:
        server = grpc.aio.server(handlers=[CountingProxy(channel, monitor, of_class)], options=ANY_SIZE)
        port = server.add_insecure_port(listen)
        await server.start()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        print(f"listening on port {port}", flush=True)
        await stopped.wait()
        await server.stop(grace=5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Count what a model server is asked over gRPC.")
    parser.add_argument("--listen", default="0.0.0.0:9001", help="where clients call (default: %(default)s)")
    parser.add_argument("--model-server", default="localhost:9000", help="where calls go (default: %(default)s)")
    url = os.environ.get("DRIFTMETER_URL", "http://localhost:8001")
    parser.add_argument("--metric-server", default=url, help="where counts go (default: %(default)s)")
    parser.add_argument(
        "--of-class",
        type=lambda text: int(text) if text.isdecimal() else text,
        help="which of several values a row is the prediction: its position from 0, or its name",
    )
    parser.add_argument("--model", required=True, help="the model, by the name that the metric server knows")
    arguments = parser.parse_args()
    with Monitor(arguments.metric_server, arguments.model) as counting:
        counting.start()  # its profile names values without names
        asyncio.run(serve(arguments.listen, arguments.model_server, counting, arguments.of_class))
