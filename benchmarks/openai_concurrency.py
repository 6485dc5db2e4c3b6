"""Claim: 32 sequences in flight reach at least 0.8 x the throughput that a server of fixed latency allows.

Starts a server in this process that needs 0.2 s for every answer, whatever the load. The scheduler has 128 frames of
640 x 360 described in four rounds each. Prints the ratio of the achieved throughput to concurrency / latency.

    python benchmarks/openai_concurrency.py
"""

from __future__ import annotations

import asyncio
import json
import threading
import time

import cv2
import numpy as np

from chatdesc.backends import create
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.types import Describe, FrameCache, FrameRef, Frames

IN_FLIGHT, LATENCY, JOBS, ROUNDS, GOAL = 32, 0.2, 128, 4, 0.8
ANSWER = json.dumps(
    {
        "model": "still",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": '{"target": "red kite"}'}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection after LATENCY."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
            await reader.readexactly(int(fields.get("content-length", 0)))
            await asyncio.sleep(LATENCY)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def start() -> tuple[asyncio.AbstractEventLoop, int]:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22), loop).result()
    return loop, server.sockets[0].getsockname()[1]


def scene() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC))[1].tobytes()


def job(frames: Frames):
    """As reflection does: every question waits for the answer to the one before."""
    for turn in range(ROUNDS):
        yield Describe(FrameRef(frames, 0), np.array([500, 300, 200, 100], np.float32), f"turn {turn}")


def main() -> None:
    loop, port = start()
    describer = create("describer", "openai:still", base_url=f"http://127.0.0.1:{port}/v1", concurrency=IN_FLIGHT)
    file, cache = scene(), FrameCache(IN_FLIGHT)
    jobs = ((i, job(Frames(("0.jpg",), lambda path: file, cache))) for i in range(JOBS))
    begin = time.perf_counter()
    done = list(Scheduler([Lane(Describe, describer.describe, 1, describer.workers)], IN_FLIGHT).run(jobs))
    took = time.perf_counter() - begin
    describer.close()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result()  # for the server to see that all have left
    loop.call_soon_threadsafe(loop.stop)
    counts = describer.summary()
    assert len(done) == JOBS and counts["answers"] == counts["requests"] == JOBS * ROUNDS
    reached, ideal = counts["answers"] / took, IN_FLIGHT / LATENCY
    print(f"{counts['answers']} requests, {IN_FLIGHT} in flight, latency {LATENCY} s: {reached:.0f} a second")
    print(f"ratio to concurrency / latency ({ideal:.0f} a second): {reached / ideal:.2f}, goal {GOAL}")


if __name__ == "__main__":
    main()
