"""The application of ``web``, whose process has a thread that keeps the interpreter's lock mostly.

So whatever has to run in Python waits for some time. That thread itself takes no signal.
"""

import ctypes
import signal
import threading
import time

from web import application as count

HELD = 0.1  # seconds


def hold():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    while True:
        ctypes.PyDLL(None).usleep(int(HELD * 1e6))
        time.sleep(0.001)


def application(environ, start_response):
    if not any(each.name == "hold" for each in threading.enumerate()):
        threading.Thread(target=hold, name="hold", daemon=True).start()
    return count(environ, start_response)
