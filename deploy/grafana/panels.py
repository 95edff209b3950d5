"""The kinds of panels that the dashboards use, with driftmeter's colours and scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DashboardRangeMapOptions,
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    RangeMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from words import LEAST, MAJOR, MINOR, OK, PENDING, UNSURE, Ranges, Words

BLUE = "blue"
"""The colour of numbers that are neither good nor bad."""
PAGE = "${page:raw}"
"""The address of the live page, as the variable has it."""
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def query(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """Return a query over the dashboard's time range."""
    return prometheus.Dataquery().datasource(SOURCE).ref_id(ref).expr(expr).range().legend_format(legend)


def now(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """Return a query for the latest value."""
    return prometheus.Dataquery().datasource(SOURCE).ref_id(ref).expr(expr).instant().legend_format(legend)


def number(
    title: str,
    expr: str,
    *,
    about: str,
    legend: str = "{{model}}",
    unit: str = "none",
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    mapped: Words | None = None,
    ranges: Ranges = (),
    none: str = "no data",
    width: int = 3,
) -> stat.Panel:
    """Return one big number for each model; `steps` are pairs of a least value and its colour.

    `mapped` and `ranges` show words in place of the number.
    """
    coloured = mapped or ranges or len(steps) > 1
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(now(expr, legend))
        .unit(unit)
        .no_value(none)
        .thresholds(_thresholds(steps))
        .mappings([*_mappings(mapped or {}), *_ranges(ranges)])
        .color_mode(options.BigValueColorMode.BACKGROUND_SOLID if coloured else options.BigValueColorMode.NONE)
        .graph_mode(options.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(4)
        .span(width)
    )


def trend(
    title: str,
    *queries: prometheus.Dataquery,
    about: str,
    unit: str = "short",
    least: float | None = 0,
    most: float | None = None,
    steps: Sequence[tuple[float | None, str]] = (),
    log: bool = False,
    to_page: str | None = None,
    width: int = 12,
) -> timeseries.Panel:
    """Return lines over time; `steps` are drawn as dashed lines, `log` makes the axis logarithmic.

    `to_page` is where a click on a line leads.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .line_width(1)
        .fill_opacity(0 if log else 8)
        .show_points(options.VisibilityMode.NEVER)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
        .height(8)
        .span(width)
    )
    if to_page is not None:
        panel.data_links([page_link(to_page)])
    for target in queries:
        panel.with_target(target)
    if log:
        panel.scale_distribution(common.ScaleDistributionConfig().type(options.ScaleDistribution.LOG).log(10))
    elif least is not None:
        panel.min(least)
    if most is not None:
        panel.max(most)
    if steps:
        panel.thresholds(_thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.DASHED)
        )
    return panel


def states(
    title: str, expr: str, *, about: str, legend: str, mapped: Words, to_page: str, height: int = 8, width: int = 24
) -> statetimeline.Panel:
    """Return a coloured band over time for each series; `to_page` is where a click on it leads."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(query(expr, legend))
        .mappings(_mappings(mapped))
        .data_links([page_link(to_page)])
        .no_value("none")
        .thresholds(_thresholds(((None, UNSURE),)))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(options.VisibilityMode.NEVER)
        .row_height(0.8)
        .fill_opacity(70)
        .line_width(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .height(height)
        .span(width)
    )


def page_link(path: str) -> dashboard.DashboardLink:
    """Return a link to a path of the live page, which opens in a tab of its own."""
    return dashboard.DashboardLink("Live page").type(DashboardLinkType.LINK).url(PAGE + path).target_blank(True)


def feature_table(
    title: str,
    columns: Mapping[str, str],
    order: str,
    *,
    about: str,
    links: Mapping[str, str],
    mapped: Mapping[str, Words],
    ranges: Mapping[str, Ranges],
    formats: Mapping[str, Mapping[str, object]],
) -> table.Panel:
    """Return a table with a row for each feature, those of the greatest value of the query `order` first.

    `columns` maps titles to queries. `mapped` and `ranges` show words on coloured ground in place of a column's values;
    `formats` are the field options of columns of numbers. `links` maps titles to addresses, which a feature's name
    offers.
    """
    refs = {chr(ord("A") + place): column for place, column in enumerate(columns)}
    last = chr(ord("A") + len(refs))
    panel = table.Panel().title(title).description(about).datasource(SOURCE).height(12).span(24)
    for ref, expr in zip([*refs, last], [*columns.values(), order], strict=True):
        panel.with_target(now(expr, ref=ref).format(PromQueryFormat.TABLE))
    renamed = {f"Value #{ref}": column for ref, column in refs.items()}
    for name, option in {
        "merge": {},
        "sortBy": {"fields": {}, "sort": [{"field": f"Value #{last}", "desc": True}]},
        "organize": {
            "excludeByName": {"Time": True, f"Value #{last}": True},
            "indexByName": {name: place for place, name in enumerate(["model", "feature", *renamed])},
            "renameByName": renamed,
        },
    }.items():
        panel.with_transformation(DataTransformerConfig(id_val=name, options=option))
    words = {
        **{column: _mappings(mapping) for column, mapping in mapped.items()},
        **{column: _ranges(mapping) for column, mapping in ranges.items()},
    }
    for column in columns:
        properties = formats.get(column, {})
        if column in words:
            properties = {"mappings": words[column], "custom.cellOptions": {"type": "color-background"}}
        panel.override_by_name(column, [DynamicConfigValue(id_val=name, value=to) for name, to in properties.items()])
    panel.override_by_name(
        "feature",
        [DynamicConfigValue(id_val="links", value=[{"title": name, "url": url} for name, url in links.items()])],
    )
    return panel


SEVERITY: Sequence[tuple[float | None, str]] = ((None, OK), (0.1, MINOR), (0.25, MAJOR))
"""Effects from which on drift is minor, and major."""
ALARM: Sequence[tuple[float | None, str]] = ((None, OK), (-1, PENDING), (0, MAJOR))
"""Evidence that is close to an alarm, and that alarms."""


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in steps])
    )


def _mappings(mapped: Words) -> list[ValueMapping]:
    results = {
        value: ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(mapped.items())
    }
    none = results.pop("null", None)
    return [*([ValueMap(options=results)] if results else []), *([_null(none)] if none else [])]


def _ranges(ranges: Ranges) -> list[ValueMapping]:
    """Return mappings of which Grafana shows the first that fits; a range needs both ends, since null counts as 0."""
    results = [
        (least, ValueMappingResult(text=word, color=color, index=place))
        for place, (least, word, color) in enumerate(ranges)
    ]
    return [
        _null(result)
        if least is None
        else RangeMap(options=DashboardRangeMapOptions(from_val=least, to=-LEAST, result=result))
        for least, result in results
    ]


def _null(result: ValueMappingResult) -> SpecialValueMap:
    return SpecialValueMap(options=DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL, result=result))
