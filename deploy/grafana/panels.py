"""The kinds of panels that the dashboards use, with driftmeter's colours and scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
Mapped = Mapping[str, tuple[str, str]]
"""Maps a value, as text, to the text and the colour that are shown."""

DRIFTING: Mapped = {"0": ("no drift", GREEN), "1": ("drifting", RED)}
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
    mapped: Mapped | None = None,
    none: str = "no data",
    width: int = 3,
) -> stat.Panel:
    """Return one big number for each model; `steps` are pairs of a least value and its colour."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(now(expr, legend))
        .unit(unit)
        .no_value(none)
        .thresholds(_thresholds(steps))
        .mappings(_mappings(mapped or {}))
        .color_mode(options.BigValueColorMode.VALUE)
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
    width: int = 12,
) -> timeseries.Panel:
    """Return lines over time; `steps` are drawn as dashed lines, `log` makes the axis logarithmic."""
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
    title: str, expr: str, *, about: str, legend: str, mapped: Mapped = DRIFTING, height: int = 8, width: int = 24
) -> statetimeline.Panel:
    """Return a coloured band over time for each series."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(query(expr, legend))
        .mappings(_mappings(mapped))
        .thresholds(_thresholds(((None, GREY),)))
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


def feature_table(
    title: str, columns: Mapping[str, str], *, about: str, link: str, drifting: str, effect: str
) -> table.Panel:
    """Return a table with a row for each feature.

    `columns` maps titles to queries; the columns named by `drifting` and `effect` are coloured by value. `link` is the
    address behind a feature's name.
    """
    refs = {chr(ord("A") + place): column for place, column in enumerate(columns)}
    panel = table.Panel().title(title).description(about).datasource(SOURCE).height(12).span(24)
    for ref, column in refs.items():
        panel.with_target(now(columns[column], ref=ref).format(PromQueryFormat.TABLE))
    renamed = {f"Value #{ref}": column for ref, column in refs.items()}
    order = ["model", "feature", *renamed]
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {name: place for place, name in enumerate(order)},
                "renameByName": renamed,
            },
        )
    )
    panel.sort_by([common.TableSortByFieldState().display_name(effect).desc(True)])
    panel.override_by_name(
        drifting,
        [
            DynamicConfigValue(id_val="mappings", value=_mappings(DRIFTING)),
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ],
    )
    panel.override_by_name(
        effect,
        [
            DynamicConfigValue(id_val="thresholds", value=_thresholds(SEVERITY).build()),
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            DynamicConfigValue(id_val="decimals", value=3),
        ],
    )
    panel.override_by_name(
        "feature", [DynamicConfigValue(id_val="links", value=[{"title": "This feature", "url": link}])]
    )
    return panel


SEVERITY: Sequence[tuple[float | None, str]] = ((None, GREEN), (0.1, YELLOW), (0.25, RED))
"""Effects from which on drift is minor, and major."""
ALARM: Sequence[tuple[float | None, str]] = ((None, GREEN), (-1, YELLOW), (0, RED))
"""Evidence that is close to an alarm, and that alarms."""


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in steps])
    )


def _mappings(mapped: Mapped) -> list[ValueMapping]:
    if not mapped:
        return []
    results = {
        value: ValueMappingResult(text=text, color=color, index=place)
        for place, (value, (text, color)) in enumerate(mapped.items())
    }
    return [ValueMap(options=results)]
