"""A proxy before a model server that speaks the Open Inference Protocol V2 over gRPC, such as Triton or KServe.

    pip install driftmeter grpcio
    python proxy.py --listen 0.0.0.0:8001 --model-server localhost:9000 --model credit

Every call passes as it is: its bytes, metadata, deadline and errors, of whichever service. Of `ModelInfer` the rows
and predictions are counted once the answer is on its way. What else passes, such as `ModelStreamInfer`, is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import grpc

from driftmeter import Monitor
from driftmeter.integrations.calls import count_protobuf

MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
MOST_BYTES = 1_000_000
"""Bytes of a request that is counted: reading it takes time of the proxy. Larger ones pass, and are lost rows."""
OF_THE_CONNECTION = ("grpc-", ":", "user-agent")
"""Begin the names of metadata that the next connection has its own of."""
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class CountingProxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands every call to a model server, and counts what `ModelInfer` was asked and answered."""

    def __init__(self, channel: grpc.aio.Channel, monitor: Monitor) -> None:
        """Keep the channel to the model server, and the monitor."""
        self._channel, self._monitor = channel, monitor

    def service(self, details: Any) -> Any:
        """Return what handles a call: a stream of messages either way, of which a plain call has one each."""

        async def forward(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            kept = []

            async def passing() -> AsyncIterator[bytes]:
                async for request in requests:
                    kept.append(request)
                    if details.method != MODEL_INFER:
                        kept.clear()
                    yield request

            metadata = [pair for pair in context.invocation_metadata() if not pair[0].startswith(OF_THE_CONNECTION)]
            call = self._channel.stream_stream(details.method)(
                passing(), timeout=context.time_remaining(), metadata=metadata
            )
            try:
                await context.send_initial_metadata(await call.initial_metadata())
                async for answer in call:
                    yield answer
                    if kept:
                        self._count(kept.pop(), answer)
                context.set_trailing_metadata(tuple(await call.trailing_metadata()))
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
            finally:
                call.cancel()

        return grpc.stream_stream_rpc_method_handler(forward)

    def _count(self, request: bytes, answer: bytes) -> None:
        if len(request) > MOST_BYTES:
            self._monitor.reject(f"a request of at most {MOST_BYTES:,} bytes", f"{len(request):,}")
        else:
            count_protobuf(self._monitor, request, answer)


async def serve(listen: str, model_server: str, monitor: Monitor, ready: Any = print) -> None:
    """Serve until a signal ends the process; `ready` gets the port that was bound."""
    async with grpc.aio.insecure_channel(model_server, options=ANY_SIZE) as channel:
        server = grpc.aio.server(handlers=[CountingProxy(channel, monitor)], options=ANY_SIZE)
        port = server.add_insecure_port(listen)
        await server.start()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        ready(f"listening on port {port}")
        await stopped.wait()
        await server.stop(grace=5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Count what a model server is asked over gRPC.")
    parser.add_argument("--listen", default="0.0.0.0:8001")
    parser.add_argument("--model-server", default="localhost:9000")
    parser.add_argument("--model", required=True, help="the model, by the name that the metric server knows")
    arguments = parser.parse_args()
    with Monitor(os.environ.get("DRIFTMETER_URL", "http://localhost:8001"), arguments.model) as counting:
        counting.start()  # its profile names values without names
        asyncio.run(serve(arguments.listen, arguments.model_server, counting))
