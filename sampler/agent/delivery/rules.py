"""What an adapter must do, rule by rule; ``sampler explain A-01`` prints one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES: Mapping[str, str] = {
    "A-01": "encode() yields batches that account for every entry of the snapshot exactly once, "
    "in samples or in refused; none is split over two batches",
    "A-02": "encode() does no I/O: no file, no socket, no process",
    "A-03": "encode() yields Batch objects; their frames are bytes",
    "A-04": "encode() keeps no values: what it returns for a snapshot does not depend on the "
    "snapshots before",
    "A-05": "a batch holds at most 512 KiB: it is confirmed, sent again or dropped as a whole",
    "A-06": "encode() takes all names, labels and numbers that the contract allows; what its "
    "format cannot express is refused with a reason",
    "A-07": "encode() does not change the snapshot: other adapters read the same object",
    "A-08": "send() returns DELIVERED or UNCONFIRMED, or raises Unavailable or Rejected, and "
    "nothing else",
    "A-09": "send() raises Unavailable within its timeout when nobody accepts the bytes; for a "
    "datagram that the kernel accepted it returns UNCONFIRMED",
    "A-10": "with a batch without frames, send() finds out whether the endpoint answers, and "
    "sends nothing",
    "A-11": "split() halves a batch; the halves together have all of its entries",
    "A-12": "unsupported maps words of UNSUPPORTED to a sentence each",
    "A-13": "close() may be called twice, and leaves no thread behind",
    "A-14": "a scraped adapter counts each response in its ledger: its entries as collected, and "
    "under one outcome",
    "A-15": "open() of a scraped adapter raises OSError where it cannot listen",
}
"""By id."""

REMEDIES: Mapping[str, str] = {
    "A-01": "add samples and refused of each batch; ABSENT values are not entries",
    "A-02": "connect and write in send()",
    "A-03": "yield Batch((b'...',), samples=n)",
    "A-04": "take differences against since; keep only what follows from block.series",
    "A-05": "begin another batch before the limit",
    "A-06": "escape what your format reserves; refuse the rest by entry: refused={'reason': n}",
    "A-07": "copy before you sort or change",
    "A-08": "catch what your client library raises, and raise Unavailable or Rejected from it",
    "A-09": "turn refused and timed-out connections into Unavailable",
    "A-10": "connect and disconnect when batch.frames is empty",
    "A-11": "divide frames and samples, and give the refused to one of the halves",
    "A-12": "use the words of sampler.agent.UNSUPPORTED only",
    "A-13": "make close() harmless when there is nothing to close; join your threads in it",
    "A-14": "ledger.count(collected=n) before, ledger.count(delivered=n) or another outcome after",
    "A-15": "bind in open(), before a thread is started",
}
"""By id: what to do when it is broken."""
