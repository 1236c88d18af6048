"""Pushes of many hosts, each on a connection of its own, as relays make them.

``python -m tests.scaling.pushes PORT HOSTS INTERVAL together|apart`` sends the lines of each host
once, at its moment of one interval, or all at once; it prints when, how late and how long.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from tests.scaling.endpoint import HOST, parts
from tests.scaling.population import ANY_HOST, lines, moments

AT_ONCE = 4_000
"""Connections that are open at once, at most: this process stands for all hosts."""


async def _push(port: int, hosts: int, interval: float, *, apart: bool) -> dict[str, Any]:
    template = lines()
    whole = time.time() // interval * interval + interval + 1.0
    whole += -whole % interval if apart else 0.0
    due = moments(hosts, interval) if apart else [0.0] * hosts
    began: list[float] = []
    late: list[float] = []
    room = asyncio.Semaphore(AT_ONCE)
    failed = Counter[str]()

    async def one(number: int) -> None:
        async with room:
            began.append(time.time())
            try:
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(template.replace(ANY_HOST.encode(), b"host-%d" % number))
                writer.write_eof()
                await reader.read()
                writer.close()
            except OSError as error:
                failed[error.strerror or "closed"] += 1
            late.append(time.time() - whole - due[number])

    tasks = []
    for number in sorted(range(hosts), key=due.__getitem__):
        if (left := whole + due[number] - time.time()) > 0:
            await asyncio.sleep(left)
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    late.sort()
    return {
        "parts": parts(began, interval),
        "seconds": time.time() - whole,
        "late p50": late[len(late) // 2],
        "late p99": late[len(late) * 99 // 100],
        "failed": failed.total(),
        "errors": failed,
        "bytes": len(template),
        "lines": template.count(b"\n"),
    }


if __name__ == "__main__":
    port, hosts, interval, how = sys.argv[1:]
    found = _push(int(port), int(hosts), float(interval), apart=how == "apart")
    print(json.dumps(asyncio.run(found)), flush=True)
