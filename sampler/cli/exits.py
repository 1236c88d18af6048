"""What the command's exit status says (``sysexits.h``)."""

OK = 0
BREACHES = 1  # of the specification, by a sampler
USAGE = 2
"""Wrong arguments."""
UNAVAILABLE = 69
"""An endpoint does not answer."""
CONFIG = 78
"""The configuration has problems."""
