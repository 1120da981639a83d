"""How fast phones get their files, against a bare answer of the same server library.

    .venv/bin/python -m bench.provisioning [phones]

One core serves, another asks. The three figures of a round are taken in the same run, one
right after the other, and the best of the rounds counts: what other work on the machine
takes away can only make a round worse. Goals (G11): at least half the rate of a bare
answer, at least 1,000 files a second on one core.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.services.devices import Line
from appliance.state.fields import Secret
from appliance.state.machine import Layout
from appliance.state.system_state import SystemState
from tests.support import phone_estate, provisioning_server
from tests.support.phone_estate import KEYS, device, mac_of

ROUNDS = 5
SERVER_CORE = ("taskset", "-c", "0")
MODELS = ("yealink-t54w", "snom-d785", "cisco-8851")
HEADERS = "Host: pbx\r\nX-Forwarded-For: 10.20.1.5\r\nX-Forwarded-Proto: https\r\n"

BARE = """
import asyncio, sys
from aiohttp import web
async def answer(_request):
    return web.Response(body=b"x" * int(sys.argv[2]), content_type="text/plain")
async def main():
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.UnixSite(runner, sys.argv[1], backlog=4096).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


def estate(count: int) -> tuple[SystemState, list[str]]:
    """A company of `count` phones of three vendors, and the address of each one's file."""
    made, paths = [], []
    for number in range(1, count + 1):
        model = MODELS[number % len(MODELS)]
        token = f"{number:024d}"
        lines = (Line("215", 1, Secret("s" * 24)),) if number == 1 else ()
        keys = KEYS if lines else ()
        made.append(device(model, number, token=Secret(token), lines=lines, keys=keys))
        ending = "cfg" if model.startswith("yealink") else "xml"
        paths.append(f"/provisioning/p/{token}/{mac_of(number)}.{ending}")
    return phone_estate.company(*made), paths


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
) -> tuple[int, str]:
    """One request on an open connection: the length of the answer, and its head."""
    writer.write(f"GET {path} HTTP/1.1\r\n{HEADERS}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if not head.startswith("HTTP/1.1 200"):
        raise AssertionError(head.splitlines()[0])
    length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
    await reader.readexactly(length)
    return length, head


async def steady(socket: str, paths: list[str], connections: int = 20) -> tuple[float, float]:
    """(files per second, mean length) when phones ask one after the other."""
    total = 0

    async def share(own: list[str]) -> None:
        nonlocal total
        reader, writer = await asyncio.open_unix_connection(socket)
        for path in own:
            length, _head = await ask(reader, writer, path)
            total += length
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(share(paths[n::connections]) for n in range(connections)))
    return len(paths) / (time.perf_counter() - begin), total / len(paths)


async def at_once(socket: str, paths: list[str]) -> list[float]:
    """Seconds until each phone has its file when all of them connect at one moment."""
    times = []

    async def phone(path: str) -> None:
        begin = time.perf_counter()
        reader, writer = await asyncio.open_unix_connection(socket)
        await ask(reader, writer, path)
        times.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(phone(path) for path in paths))
    return sorted(times)


@contextmanager
def bare_server(length: int) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="bare-")
    socket = f"{folder}/socket"
    process = subprocess.Popen([*SERVER_CORE, sys.executable, "-c", BARE, socket, str(length)])
    try:
        deadline = time.monotonic() + 10
        while not os.path.exists(socket):
            if time.monotonic() > deadline:
                raise AssertionError("the bare server does not start")
            time.sleep(0.02)
        time.sleep(0.2)
        yield socket
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def memory_mb(layout: Layout, pid: int) -> float:
    """Resident memory of the server in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * count + 200)), hard))
    os.sched_setaffinity(0, {1})
    state, paths = estate(count)
    rounds = []
    begin = time.monotonic()
    with provisioning_server.running(state, phone_estate.FACTS, SERVER_CORE) as server:
        print(f"{count} phones: ready {time.monotonic() - begin:.1f} s after the start")
        ours = str(server.socket)
        _rate, length = asyncio.run(steady(ours, paths[:200]))
        with bare_server(int(length)) as bare:
            for _ in range(ROUNDS):
                bare_rate, _length = asyncio.run(steady(bare, paths))
                rate, _length = asyncio.run(steady(ours, paths))
                rounds.append((rate / bare_rate, rate, bare_rate))
            bare_times = asyncio.run(at_once(bare, paths))
        times = asyncio.run(at_once(ours, paths))
        memory = memory_mb(server.layout, server.process.pid)
    ratio, rate, bare_rate = sorted(rounds)[ROUNDS // 2]
    print(f"one file after the other: {rate:,.0f} files/s of {length:,.0f} bytes on one core")
    print(f"bare answer of aiohttp:   {bare_rate:,.0f}/s; ratio {ratio:.2f} (goal 0.50)")
    for name, each in (("all at once", times), ("bare, all at once", bare_times)):
        p50, p99 = each[len(each) // 2], each[int(len(each) * 0.99)]
        print(f"{name}: half after {p50:.2f} s, p99 {p99:.2f} s, last {each[-1]:.2f} s")
    print(f"memory of the server: {memory:.0f} MB")


if __name__ == "__main__":
    main()
