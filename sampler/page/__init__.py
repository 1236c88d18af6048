"""What people look at: the live page, and the same over a unix socket for ``sampler top``.

:class:`Recorder` is an adapter: it keeps an hour of every series in memory. :class:`LivePage`
answers requests below ``/live/`` from it, without a pull.
"""

from sampler.page.recorder import Recorder
from sampler.page.serving import LivePage
from sampler.page.socket import PageSocket

__all__ = ["LivePage", "PageSocket", "Recorder"]
