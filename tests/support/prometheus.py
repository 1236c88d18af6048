"""The Prometheus server, as Debian has it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from tests.support.ports import HOST
from tests.support.process import Server, unpacked
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OPENER = build_opener(ProxyHandler({}))


class Prometheus(Server):
    """A Prometheus on loopback that scrapes /metrics of each target.

    Ready is not scraped: discovery holds the first scrape back for five seconds after a start.

    Args:
        directory: where its configuration and its data live.
        targets: the `host:port` of each target.
        scrape_interval: as Prometheus writes durations; also the scrape timeout.
        options: more of its command line.
        rules: a file of rules, evaluated as often.
    """

    install: ClassVar[str] = (
        "apt-get install --no-install-recommends prometheus "
        "(or run tests/support/install_servers.sh)"
    )

    def __init__(
        self,
        directory: Path,
        targets: Sequence[str] = (),
        *,
        scrape_interval: str = "1s",
        options: Sequence[str] = (),
        rules: Path | None = None,
    ) -> None:
        self._program = self.program("prometheus")
        self._options = options
        super().__init__(directory, ports=1)
        (self.port,) = self.ports
        self.url = f"http://{HOST}:{self.port}"
        self._expected = len(set(targets))
        self._configuration = directory / "prometheus.yml"
        # JSON is YAML.
        self._configuration.write_text(
            json.dumps(
                {
                    "global": {
                        "scrape_interval": scrape_interval,
                        "scrape_timeout": scrape_interval,
                        "evaluation_interval": scrape_interval,
                    },
                    "rule_files": [] if rules is None else [str(rules)],
                    "scrape_configs": [
                        {"job_name": "test", "static_configs": [{"targets": list(targets)}]}
                    ],
                }
            )
        )

    def command(self) -> list[str]:
        """Return the command line of the server."""
        return [
            self._program,
            f"--config.file={self._configuration}",
            f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address={HOST}:{self.port}",
            # Hidden: hand discovered targets on at once instead of every five seconds.
            "--scrape.discovery-reload-interval=100ms",
            *self._options,
        ]

    def ready(self) -> bool:
        """Say whether it answers on /-/ready."""
        try:
            _OPENER.open(f"{self.url}/-/ready", timeout=1).close()
        except HTTPError as error:
            error.close()
            return False
        except (URLError, OSError):
            return False
        return True

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the results of an instant query, each a dict with `metric` and `value(s)`."""
        return self._get("query", {"query": expression})["result"]  # type: ignore[no-any-return]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing, each with `labels` and `state`."""
        return self._get("alerts", {})["alerts"]  # type: ignore[no-any-return]

    def series(self, matcher: str) -> list[dict[str, str]]:
        """Return the labels of every stored series that `matcher` selects."""
        return self._get("series", {"match[]": matcher})  # type: ignore[no-any-return]

    def metadata(self, family: str) -> dict[str, str]:
        """Return type, unit and help of a family; empty before it was scraped."""
        found = self._get("metadata", {"metric": family}).get(family, [])
        return found[0] if found else {}

    def targets(self) -> list[dict[str, Any]]:
        """Return the active targets, each with `scrapeUrl`, `health` and `lastError`."""
        return self._get("targets", {"state": "active"})["activeTargets"]  # type: ignore[no-any-return]

    def wait_scraped(self, limit: float = 20.0) -> None:
        """Wait until every target was scraped well by a scrape that began after this call.

        Its samples are then stored. Raises AssertionError with each target's `lastError`.
        """
        # Prometheus may round a scrape's time by 2 ms.
        begun = time.time() + 0.005

        def scraped() -> bool:
            times = self.query("timestamp(up) and up == 1")
            return sum(float(item["value"][1]) > begun for item in times) >= self._expected

        try:
            wait_for(scraped, limit, what="a scrape of every target")
        except AssertionError as error:
            errors = {item["scrapeUrl"]: item["lastError"] for item in self.targets()}
            raise AssertionError(f"{error}; last errors: {errors}") from None

    def _get(self, what: str, parameters: dict[str, str]) -> Any:
        try:
            with _OPENER.open(
                f"{self.url}/api/v1/{what}?{urlencode(parameters)}", timeout=10
            ) as r:
                return json.load(r)["data"]
        except HTTPError as error:
            with error:
                raise AssertionError(f"{what} {parameters}: {error.read().decode()}") from None


class NewPrometheus(Prometheus):
    """The Prometheus of Debian's unstable suite, which is of version 3."""

    install: ClassVar[str] = "run tests/support/install_servers.sh"

    @classmethod
    def program(cls, name: str) -> str:
        """Return the path of the unpacked program."""
        return unpacked(name, cls.install)
