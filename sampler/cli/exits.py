"""Exit statuses of the command, from ``sysexits.h`` where it has one."""

OK = 0
FAULTY = 1
"""A sampler breaks a clause (validate), or a receiver's count differs (demo)."""
USAGE = 2
"""Wrong arguments."""
NO_VERDICT = 3
"""No breach was found, and too little was seen to say that there is none (validate)."""
UNAVAILABLE = 69
"""An endpoint does not answer, or a package is not installed."""
CONFIG = 78
"""The configuration has problems."""
