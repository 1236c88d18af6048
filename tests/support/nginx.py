"""nginx, as operators put it in front of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tests.support.ports import HOST, accepts
from tests.support.process import Server

if TYPE_CHECKING:
    from pathlib import Path


class Nginx(Server):
    """nginx in front of a port: it stamps requests, and has a status page.

    Attributes:
        port: where it listens.
    """

    install: ClassVar[str] = "tests/support/install_servers.sh"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, 1)
        directory.chmod(0o755)  # its workers are another user
        (self.port,) = self.ports
        self.status = f"http://{HOST}:{self.port}/nginx_status"

    def before(self, upstream: int) -> None:
        """Say which port is behind it."""
        folder = self.directory
        (folder / "nginx.conf").write_text(f"""
            daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
            worker_processes 1;
            events {{ worker_connections 2048; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
                scgi_temp_path {folder}/s;
                server {{
                    listen {HOST}:{self.port} backlog=1024;
                    client_max_body_size 32m;
                    location = /nginx_status {{ stub_status; }}
                    location / {{
                        proxy_pass http://{HOST}:{upstream};
                        proxy_set_header X-Request-Start "t=${{msec}}";
                    }}
                }}
            }}
        """)

    def command(self) -> list[str]:
        """See `Server`."""
        folder = str(self.directory)
        return [self.program("nginx"), "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]

    def ready(self) -> bool:
        """See `Server`."""
        return accepts(self.port)

    def close(self) -> None:
        """See `Server`: nginx ends its workers itself."""
        self.stop()
        super().close()
