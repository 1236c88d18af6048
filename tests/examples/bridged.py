"""What the example of bridges counts, and how each destination calls it."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.adapters.otlp_rows import READ, rows

ORDERS = [
    ("tea", 1, "visa"),
    ("coffee", 4, "amex"),
    ("tea", 2, "visa"),
    ("samovar", 1, "amex"),
] * 5
"""Lines of the shop: item, number, card."""
ROWS = 7
"""Rows of the script."""
PRICES = {"tea": 4, "coffee": 9, "samovar": 120}
SECONDS = 0.25
TIMES = [10 * row + 3 for row in range(ROWS)]
"""What the script has timed, in ms."""
EXPONENTIAL = {"nightly.row": TIMES}
INFINITE = float("inf")
SCOPE = {"otel.scope.name": "shop"}


class Counted(NamedTuple):
    """A series: its name, its name on a page of Prometheus, and what was counted.

    The value of a histogram is all of its observations.
    """

    kind: str
    name: str
    page: str
    labels: dict[str, str]
    value: Any
    bounds: tuple[float, ...] = ()


def counted():
    """Return every series that the shop and the script make of orders and rows."""
    return [*by_the_shop(), *by_the_script()]


def by_the_shop():
    """Yield what is counted with prometheus_client, OpenTelemetry and New Relic's data source."""
    numbers = [number for _, number, _ in ORDERS]
    waited, packed = [SECONDS * n for n in numbers], [SECONDS / n for n in numbers]
    yield Counted("histogram", "waiting_seconds", "waiting_seconds", {}, waited, (0.1, 1))
    yield Counted("histogram", "packing_seconds", "packing_seconds", {}, packed)
    yield Counted("gauge", "target.info", "target_info", {"service.name": "shop"}, 1)
    left = sum(item == "samovar" for item, _, _ in ORDERS)
    yield Counted("gauge", "carts.open", "carts_open", SCOPE, left)
    open_ = len(ORDERS) % 3
    yield Counted("gauge", "newrelic.checkouts.open", "newrelic_checkouts_open", {}, open_)
    page = "newrelic_checkouts_duration"
    every = [SECONDS] * len(ORDERS)
    yield Counted("histogram", "newrelic.checkouts.duration", page, {}, every)
    for item, price in PRICES.items():
        mine = [number for each, number, _ in ORDERS if each == item]
        named = {"item": item}
        yield Counted("counter", "orders_total", "orders_total", named, sum(mine))
        yield Counted("gauge", "stock", "stock", named, -sum(mine))
        paid = [price * number for number in mine]
        yield Counted("histogram", "price", "price", {**named, **SCOPE}, paid, (5, 50))
    for card in ("visa", "amex"):
        number = sum(by == card for _, _, by in ORDERS)
        yield Counted("counter", "payments", "payments_total", {"card": card, **SCOPE}, number)


def by_the_script():
    """Yield what is counted with StatsD."""
    yield Counted("counter", "nightly.rows", "nightly_rows_total", {}, ROWS)
    mails = {"queue": "invoices"}
    yield Counted("counter", "nightly.mails", "nightly_mails_total", mails, 2)
    yield Counted("gauge", "nightly.last", "nightly_last", {}, ROWS + 1)
    bounds = tuple(4.0**power for power in range(-5, 16))
    page = "nightly_row_milliseconds"
    yield Counted("histogram", "nightly.row", page, {}, TIMES, bounds)


def dotted(prefix, gauges=(True, False)):
    """Return paths of Graphite, or names of StatsD, of gauges or of all others, or of both."""
    found = {}
    for each in counted():
        if (each.kind == "gauge") not in gauges:
            continue
        labels = sorted(each.labels.items())
        end = "".join(f".{name.replace('.', '__')}-{text}" for name, text in labels)
        if each.kind == "histogram":
            found[f"{prefix}.{each.name}.count{end}"] = len(each.value)
            found[f"{prefix}.{each.name}.sum{end}"] = sum(each.value)
        else:
            found[f"{prefix}.{each.name}{end}"] = each.value
    return found


def on_a_page():
    """Return series as Prometheus has them."""
    found = {}
    for each in counted():
        labels = {name.replace(".", "_"): text for name, text in each.labels.items()}
        if each.kind != "histogram":
            found[key(each.page, labels)] = each.value
            continue
        found[key(f"{each.page}_count", labels)] = len(each.value)
        found[key(f"{each.page}_sum", labels)] = sum(each.value)
        for bound in (*each.bounds, INFINITE):
            at = {**labels, "le": repr(float(bound))}
            found[key(f"{each.page}_bucket", at)] = up_to(each, bound)
    return found


def key(name, labels):
    """Return a series as a text."""
    return f"{name} {sorted(labels.items())}"


def up_to(each, bound):
    """Return how many observations there are up to a bound."""
    return sum(value <= bound for value in each.value)


def is_own(name):
    """Tell whether a name is of the agent's or a bridge's account."""
    return name.split(".")[0].split("_")[0] in {"sampler", "bridge"}


def at_graphite(carbon, prefix):
    """Return the last points of all paths below a prefix."""
    paths = [path for path in carbon.paths() if not is_own(path.removeprefix(f"{prefix}."))]
    points = {path: carbon.series(path) for path in paths}
    return {path: each[max(each)] for path, each in points.items() if each}


def at_statsd(found, prefix):
    """Return what a daemon has, but for its own and our account."""
    return {name: v for name, v in found.items() if not is_own(name.removeprefix(f"{prefix}."))}


def at_prometheus(server, job):
    """Return what Prometheus has of a job, but for accounts."""
    found = {}
    for each in server.query(f'{{job="{job}"}}'):
        labels = {k: v for k, v in each["metric"].items() if k not in {"job", "instance"}}
        name = labels.pop("__name__")
        if "le" in labels:
            labels["le"] = repr(float(labels["le"]))
        if not is_own(name) and not name.startswith(("scrape_", "up")):
            found[key(name, labels)] = float(each["value"][1])
    return found


def at_victoria_metrics(server):
    """Return what is stored that OTLP has brought, and what should be, in the ranges that it has.

    It makes ranges of exponential buckets: each observation is in one of them.
    """
    found, expected = {}, {}
    for each in counted():
        name, labels = each.name, dict(each.labels)
        labels.pop("service.name", None)
        if each.kind != "histogram":
            expected[key(name, labels)] = each.value
            continue
        expected[key(f"{name}_count", labels)] = len(each.value)
        expected[key(f"{name}_sum", labels)] = sum(each.value)
        for bound in (*each.bounds, INFINITE) if each.name not in EXPONENTIAL else ():
            expected[key(f"{name}_bucket", {**labels, "le": repr(float(bound))})] = up_to(
                each, bound
            )
    for row in server.exported():
        labels = dict(row["metric"])
        name = labels.pop("__name__")
        for who in ("job", "instance", "service.name", "service.instance.id", "host.name"):
            labels.pop(who, None)
        if "le" in labels:
            labels["le"] = repr(float(labels["le"]))
        if (spread := EXPONENTIAL.get(name.removesuffix("_bucket"))) and "vmrange" in labels:
            low, high = map(float, labels["vmrange"].split("..."))
            expected[key(name, labels)] = sum(low < value <= high for value in spread)
        if not is_own(name):
            found[key(name, labels)] = row["values"][-1]
    return found, expected


def at_a_receiver(requests):
    """Return the last values that a receiver got; of a histogram that is right, observations."""
    known = {(each.name, *sorted(each.labels.items())): each for each in counted()}
    found = {}
    for request in requests:
        for _, metric, sort, labels, point in rows(request):
            if is_own(metric.name) or point.flags:
                continue
            kind, read = READ[sort]
            if sort == "sum" and not metric.sum.is_monotonic:
                kind = "gauge"  # that adds up
            value, each = read(point), known.get((metric.name, *sorted(labels.items())))
            if kind == "histogram" and each is not None:
                totals = value.count == len(each.value) and value.sum == sum(each.value)
                if totals and all(at == up_to(each, bound) for bound, at in value.buckets):
                    value = each.value
            found[key(metric.name, labels)] = kind, value
    return found


def at_any_receiver():
    """Return what a receiver should have."""
    return {key(each.name, each.labels): (each.kind, each.value) for each in counted()}
