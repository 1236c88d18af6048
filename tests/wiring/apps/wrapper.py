"""A wrapper that does nothing but to say what it has been given."""

import os


def wrap(application, kind):
    os.write(2, f"wraps {kind}\n".encode())
    return application
