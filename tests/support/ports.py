"""Loopback ports from the kernel."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def hold_ports(count: int) -> list[socket.socket]:
    """Reserve `count` distinct ports that were free for TCP and for UDP.

    The result is a list of bound TCP sockets that never listen. While one is open, the kernel
    gives its number to nobody, connecting to it is refused, and a server that sets SO_REUSEADDR
    (as carbon, node and Go do) may listen on it, again and again. The UDP number cannot be held:
    a second socket there would take the server's datagrams.
    """
    held: list[socket.socket] = []
    unfit: list[socket.socket] = []
    while len(held) < count:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind((HOST, 0))
        # Only after bind: before it, the kernel might give out a number that is already held.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        (held if _free_for_udp(tcp.getsockname()[1]) else unfit).append(tcp)
    for tcp in unfit:
        tcp.close()
    return held


def free_ports(count: int) -> list[int]:
    """Return `count` distinct ports that are free for TCP and for UDP now, and held by nobody."""
    held = hold_ports(count)
    numbers = [tcp.getsockname()[1] for tcp in held]
    for tcp in held:
        tcp.close()
    return numbers


def free_port() -> int:
    """Return one port that is free for TCP and for UDP now."""
    return free_ports(1)[0]


def accepts(port: int) -> bool:
    """Say whether something on loopback accepts TCP connections on `port`."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_for_udp(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.bind((HOST, port))
        except OSError:
            return False
    return True
