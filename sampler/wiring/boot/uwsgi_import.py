"""What uWSGI's option ``shared-import`` runs in its first process, before that forks."""

import sys
from typing import Any

import uwsgi  # type: ignore[import-untyped]

boot: Any = sys.modules.get("sampler_boot")
if boot is not None:
    boot.call("uwsgi:workers", uwsgi, boot.AFTER)
