"""Carbon's own receivers as a filter: run by the interpreter that has carbon, never imported.

Usage: carbon_parser.py line|pickle|udp DATA: DATA holds frames, each behind its length (uint32,
big endian). Prints one JSON object: points [[path, time, value, tags], ...], what was logged, and
whether the receiver closed the connection.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path


def frames(data):
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("!L", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def main(kind, file):
    sys.path.pop(0)  # this folder has a carbon.py of its own
    from carbon import events, log, protocols
    from carbon.conf import settings
    from carbon.util import TaggedSeries
    from twisted.internet.testing import StringTransport

    points, said, closed = [], [], False
    log.listener = said.append

    def received(metric, datapoint):
        # As carbon's cache does; a name that cannot be parsed is dropped there.
        tags = TaggedSeries.parse(metric).tags
        points.append([metric, datapoint[0], datapoint[1], tags])

    events.metricReceived.handlers.clear()
    events.metricReceived.addHandler(received)
    settings.USE_FLOW_CONTROL = False
    settings.LOG_LISTENER_CONN_SUCCESS = False
    settings.USE_INSECURE_UNPICKLER = False
    data = Path(file).read_bytes()
    if kind == "udp":
        receiver = protocols.MetricDatagramReceiver()
        receiver.resetTimeout = lambda: None
        for frame in frames(data):
            receiver.datagramReceived(frame[:8192], ("127.0.0.1", 1))
    else:
        cls = {"line": protocols.MetricLineReceiver, "pickle": protocols.MetricPickleReceiver}
        for frame in frames(data):
            receiver = cls[kind]()
            receiver.resetTimeout = lambda: None
            receiver.peerName = "test"
            receiver.transport = transport = StringTransport()
            if kind == "pickle":
                receiver.unpickler = protocols.get_unpickler(insecure=False)
            for at in range(0, len(frame), 65536):
                receiver.dataReceived(frame[at : at + 65536])
            closed = closed or transport.disconnecting or transport.disconnected
    json.dump({"points": points, "said": said[:5], "closed": closed}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
