"""Makes Grafana's JSON of our pages, by the types of Grafana's own SDK."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

from examples.deploy.grafana.agent import AGENT
from examples.deploy.grafana.panels import GRAPHITE, PROMETHEUS
from examples.deploy.grafana.program import PROGRAM
from examples.deploy.grafana.relay import RELAY
from examples.deploy.grafana.web import WEB

if TYPE_CHECKING:
    from examples.deploy.grafana.panels import Page, Panel

PAGES = (WEB, PROGRAM, RELAY, AGENT)
_WIDTH = 24


class GraphiteQuery(Dataquery):
    """A query of Graphite, which the SDK has no type for."""

    def __init__(self, target: str, ref: str) -> None:
        self.target, self.ref = target, ref

    def build(self) -> GraphiteQuery:
        """Return itself, as builders do."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what Grafana keeps."""
        return {"refId": self.ref, "target": self.target}


def text_of(page: Page, store: str) -> str:
    """Return a dashboard as JSON.

    Args:
        page: what it shows.
        store: ``prometheus`` or ``graphite``.
    """
    encoder = JSONEncoder(sort_keys=True, indent=1)
    return encoder.encode(dashboard_of(page, store)) + "\n"


def dashboard_of(page: Page, store: str) -> model.Dashboard:
    """Return a dashboard; see :func:`text_of`."""
    made = (
        dashboard.Dashboard(f"{page.title} ({store.capitalize()})")
        .uid(f"sampler-{page.name}-{store}")
        .description(page.about)
        .tags(["sampler"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("sampler")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["sampler"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Store").type(store))
    )
    for variable in _variables(page, store):
        made = made.with_variable(variable)
    ids = count(1)
    for row in page.rows:
        made = made.with_row(dashboard.Row(row.title).id(next(ids)))
        for panel in row.panels:
            built = _panel(panel, store, number=row.numbers, beside=len(row.panels))
            made = made.with_panel(built.id(next(ids)))
    return made.build()


def _source(store: str) -> model.DataSourceRef:
    return model.DataSourceRef(type_val=store, uid="${datasource}")


def _variables(page: Page, store: str) -> list[dashboard.QueryVariable]:
    if store == PROMETHEUS:
        wanted = {
            "job": f"label_values({page.present}, job)",
            "instance": f'label_values({page.present}{{job=~"$job"}}, instance)',
        }
    else:
        wanted = {"service": "*", "host": "$service.*", "instance": "$service.$host.*"}
    return [
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .query(query)
        .datasource(_source(store))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*" if store == PROMETHEUS else "*")
        for name, query in wanted.items()
    ]


def _panel(panel: Panel, store: str, *, number: bool, beside: int) -> Any:
    made: Any = _number(panel, store) if number else _lines(panel)
    made = (
        made.title(panel.title)
        .description(f"{panel.why} Only {panel.only}." if panel.only else panel.why)
        .unit(panel.unit)
        .datasource(_source(store))
        .span(_WIDTH // beside if number else (8 if beside > 2 else 12))
        .height(4 if number else 8)
        .min(0)
        .no_value("0" if panel.total else "no data")
    )
    for query in _queries(panel, store, instant=number and panel.total):
        made = made.with_target(query)
    return made


def _queries(panel: Panel, store: str, *, instant: bool) -> list[Any]:
    if store == GRAPHITE:
        return [
            GraphiteQuery(target, chr(ord("A") + place))
            for place, target in enumerate(panel.graphite)
        ]
    made = []
    for place, (expression, name) in enumerate(panel.prometheus):
        query = prometheus.Dataquery().expr(expression).ref_id(chr(ord("A") + place))
        query = query.legend_format(name or "__auto")
        made.append(query.instant() if instant else query.range())
    return made


def _number(panel: Panel, store: str) -> stat.Panel:
    calc = "sum" if panel.total and store == GRAPHITE else "lastNotNull"
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs([calc]).values(False))
        .color_mode(common_model.BigValueColorMode.BACKGROUND)
        .graph_mode(
            common_model.BigValueGraphMode.NONE
            if panel.total
            else common_model.BigValueGraphMode.AREA
        )
        .thresholds(_bounds(panel))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )


def _bounds(panel: Panel) -> dashboard.ThresholdsConfig:
    good, warn, bad = ("green", None), ("orange", panel.warn), ("red", panel.bad)
    if panel.low:
        good, warn, bad = ("red", None), ("orange", panel.bad), ("green", panel.warn)
        if panel.warn is None:
            warn, bad = ("green", panel.bad), ("", None)
    steps = [
        model.Threshold(value=value, color=colour)
        for colour, value in (good, warn, bad)
        if value is not None or colour == good[0]
    ]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(30 if panel.stacked else 0)
        .show_points(common_model.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.TABLE)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
    )
    if panel.stacked:
        mode = common.StackingConfig().mode(common_model.StackingMode.NORMAL)
        made = made.stacking(mode)
    return made
