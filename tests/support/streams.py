"""How much and how quickly something goes through a network, between two namespaces."""

from __future__ import annotations

import socket
import statistics
import threading
import time

from tests.support.branch_lab import answers
from tests.support.network import Network

STREAM_S = 3.0


def throughput_mbits(near: Network, far: Network, address: str, port: int) -> float:
    """Mbit/s of one TCP stream from `near` to `address` in `far`."""
    with far.entered():
        listening = socket.create_server((address, port))
    received = 0

    def drain() -> None:
        nonlocal received
        taken, _from = listening.accept()
        with taken:
            while data := taken.recv(1 << 18):
                received += len(data)

    thread = threading.Thread(target=drain)
    thread.start()
    with near.entered():
        sending = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listening, sending:
        sending.connect((address, port))
        began, block = time.monotonic(), bytes(1 << 16)
        while time.monotonic() - began < STREAM_S:
            sending.sendall(block)
        sending.shutdown(socket.SHUT_WR)
        thread.join()
        return received * 8 / 1e6 / (time.monotonic() - began)


def delay_ms(near: Network, address: str, times: int = 100) -> float:
    """The median round trip of a small packet."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        if answers(near, address):
            found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)
