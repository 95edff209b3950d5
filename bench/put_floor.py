"""The least that `bench/put.py` can measure: uvicorn reads the body of a PUT and answers, and does nothing else.

python bench/put_floor.py PORT
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.types import Receive, Scope, Send

ANSWER = b'{"late":0,"digest":"0f3a0f3a0f3a0f3a","pane_ms":3600000,"lateness_ms":30000,"unseen_texts":true,"time_ms":1}'


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a request to its end, and answer it as if it were a pane."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", str(len(ANSWER)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    uvicorn.run(
        answer,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_keep_alive=75,
    )
