"""Build Grafana's JSON from dashboard values with Grafana's typed builders; only this file imports them."""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_values
from grafana_foundation_sdk.models import dashboard as values
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from vllm_costmeter.outputs.dashboards.panel import (
    Annotation,
    Dashboard,
    LabelVariable,
    Panel,
    Query,
)
from vllm_costmeter.outputs.dashboards.push import TAG

DATASOURCE = values.DataSourceRef(type_val="prometheus", uid="${datasource}")
TALLEST_BAR_PIXELS = 60
PanelBuilder = bargauge.Panel | stat.Panel | table.Panel | timeseries.Panel
Mapping = values.ValueMap | values.RangeMap | values.RegexMap | values.SpecialValueMap


def dashboard_json(dashboard: Dashboard) -> str:
    """The file that Grafana imports: read-only in the browser, without an id or a fixed data source."""
    built = (
        build.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(values.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(
            build.DashboardLink("CostMeter")
            .type(values.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for label in dashboard.labels:
        built.with_variable(_label_variable(label))
    for annotation in dashboard.annotations:
        built.annotation(_annotation(annotation))
    number_of_panel = 0
    for row in dashboard.rows:
        number_of_panel += 1
        built.with_row(build.Row(row.title).id(number_of_panel))
        for panel in row.panels:
            number_of_panel += 1
            built.with_panel(_panel(panel).id(number_of_panel))
    document = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for annotation, query in zip(dashboard.annotations, document["annotations"]["list"], strict=True):
        query["titleFormat"] = annotation.title  # Prometheus annotations have it, the builders do not
    for variable in document["templating"]["list"]:
        for name in [name for name in variable if name.startswith("auto")]:
            del variable[
                name
            ]  # the builders write them everywhere; the schema has them for interval variables
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _label_variable(variable: LabelVariable) -> build.QueryVariable:
    return (
        build.QueryVariable(variable.name)
        .label(variable.title)
        .description(variable.description)
        .datasource(DATASOURCE)
        .query(variable.query)
        .refresh(values.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(values.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(variable.every)
        .current(values.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _annotation(annotation: Annotation) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(annotation.name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(annotation.colour)
        .expr(annotation.expression)
    )


def _panel(panel: Panel) -> PanelBuilder:
    builder: PanelBuilder
    match panel.kind:
        case "stat":
            builder = _stat(panel)
        case "lines":
            builder = _lines(panel)
        case "bars":
            builder = _bars(panel)
        case "table":
            builder = _table(panel)
    builder.title(panel.title).description(panel.description).datasource(DATASOURCE)
    builder.span(panel.width).height(panel.height).unit(panel.unit).no_value(panel.when_empty)
    if not panel.may_be_negative and not panel.logarithmic:
        builder.min(0)
    if panel.maximum is not None:
        builder.max(panel.maximum)
    builder.color_scheme(
        build.FieldColor().mode(
            values.FieldColorModeId.THRESHOLDS
            if panel.thresholds and panel.kind != "lines"
            else values.FieldColorModeId.PALETTE_CLASSIC
        )
    )
    builder.thresholds(_thresholds(panel))
    for position, query in enumerate(panel.queries):
        builder.with_target(_target(query, chr(ord("A") + position), panel.kind == "table"))
    for legend, colour in panel.colours:
        fixed = values.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        override = builder.override_by_regexp if legend.startswith("/") else builder.override_by_name
        override(legend, [fixed])
    if panel.left_out_of_legend:
        hidden = {"legend": True, "tooltip": False, "viz": False}
        builder.override_by_regexp(
            panel.left_out_of_legend, [values.DynamicConfigValue("custom.hideFrom", hidden)]
        )
    if panel.kind in ("stat", "bars"):
        builder.mappings(_mappings(panel))
    return builder


def _mappings(panel: Panel) -> list[Mapping]:
    """Words for values; and nothing in the colour of text, because Grafana gives it the one of the lowest threshold."""
    nothing = values.ValueMappingResult(text=panel.when_empty, color="text")
    options = values.DashboardSpecialValueMapOptions(match=values.SpecialValueMatch.NULL, result=nothing)
    found: list[Mapping] = [values.SpecialValueMap(options=options)]
    if panel.words:
        words = {
            value: values.ValueMappingResult(text=shown, color=colour) for value, shown, colour in panel.words
        }
        found.append(values.ValueMap(options=words))
    return found


def _thresholds(panel: Panel) -> build.ThresholdsConfig:
    first = values.Threshold(color=panel.below_thresholds)
    listed = [first, *(values.Threshold(value=value, color=colour) for value, colour in panel.thresholds)]
    return build.ThresholdsConfig().mode(values.ThresholdsMode.ABSOLUTE).steps(listed)


def _target(query: Query, name: str, as_table: bool) -> Dataquery:
    target = (
        Dataquery().expr(query.expression).legend_format(query.legend).ref_id(name).datasource(DATASOURCE)
    )
    if as_table:
        target.format(PromQueryFormat.TABLE)
    return target.instant() if query.moment else target.range()


def _lines(panel: Panel) -> timeseries.Panel:
    builder = (
        timeseries.Panel()
        .line_width(1.5)
        .fill_opacity(30 if panel.stacked else 6)
        .show_points(common_values.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_values.LegendDisplayMode.LIST)
            .placement(common_values.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["mean", "lastNotNull"] if panel.stacked else ["lastNotNull"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_values.TooltipDisplayMode.MULTI)
            .sort(common_values.SortOrder.DESCENDING)
        )
    )
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(common_values.StackingMode.NORMAL))
    if panel.logarithmic:
        scale = common.ScaleDistributionConfig().type(common_values.ScaleDistribution.LOG).log(10)
        builder.scale_distribution(scale)
    if panel.thresholds:
        builder.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_values.GraphThresholdsStyleMode.DASHED)
        )
    return builder


def _stat(panel: Panel) -> stat.Panel:
    several = len(panel.queries) > 1 or "{{" in panel.queries[0].legend
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_values.BigValueGraphMode.NONE)
        .color_mode(common_values.BigValueColorMode.VALUE)
        .text_mode(
            common_values.BigValueTextMode.VALUE_AND_NAME if several else common_values.BigValueTextMode.VALUE
        )
        .wide_layout(False)
    )


def _bars(panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(common_values.VizOrientation.HORIZONTAL)
        .display_mode(common_values.BarGaugeDisplayMode.BASIC)
        .max_viz_height(TALLEST_BAR_PIXELS)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


ROWS_NAMED_BY = {
    "instance": "Replica",
    "cluster": "Cluster",
    "job": "Job",
    "name": "GPU",
    "vllm_version": "vLLM release or engine",
}
"""Titles of the labels that tables have as their first column."""


def _table(panel: Panel) -> table.Panel:
    builder = table.Panel().cell_height(common_values.TableCellHeight.SM)
    names = [chr(ord("A") + position) for position in range(len(panel.columns))]
    builder.with_transformation(values.DataTransformerConfig(id_val="merge", options={}))
    organize = {
        "excludeByName": {"Time": True},
        "renameByName": ROWS_NAMED_BY
        | {f"Value #{n}": c.title for n, c in zip(names, panel.columns, strict=True)},
    }
    builder.with_transformation(values.DataTransformerConfig(id_val="organize", options=organize))
    for column in panel.columns:
        builder.override_by_name(column.title, [values.DynamicConfigValue("unit", column.unit)])
    if panel.link_url:
        link = [{"title": panel.link_title, "url": panel.link_url}]
        builder.override_by_name(ROWS_NAMED_BY["instance"], [values.DynamicConfigValue("links", link)])
    return builder
