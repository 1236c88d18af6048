"""Reads connections to their end, as carbon does, until standard input ends."""

from __future__ import annotations

import socket
import sys
import threading


def serve(listener: socket.socket) -> None:
    """Read each connection, and close it."""
    while True:
        connection, _ = listener.accept()
        with connection:
            while connection.recv(1 << 18):
                pass


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    sys.stdin.read()
