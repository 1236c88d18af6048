"""A program that calls another one, and then becomes itself anew, which counts."""

import os
import subprocess
import sys

from counted import count

if "anew" in sys.argv:
    count()
else:
    subprocess.run([sys.executable, f"{os.path.dirname(__file__)}/plain.py", "3"], check=True)
    os.execv(sys.executable, [sys.executable, __file__, "anew"])
