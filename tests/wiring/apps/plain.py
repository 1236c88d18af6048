"""A program that counts, says so, and waits for a signal that it has no handler for."""

import signal
import sys

from counted import count

for _ in range(int(sys.argv[1])):
    count()
print("counted", flush=True)
if "wait" in sys.argv:
    signal.pause()
