// The four kinds of panel that the dashboards use, from the components that Grafana's own panels are made of. The
// panels themselves are not published; what is written here is their defaults and how they fill those components.

import { useMemo } from 'react';
import {
  FieldColorModeId,
  FieldType,
  PanelPlugin,
  applyNullInsertThreshold,
  getDisplayValueAlignmentFactors,
  getFieldDisplayName,
  getFieldDisplayValues,
  identityOverrideProcessor,
} from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries, VizRepeater, useTheme2 } from '@grafana/ui';
import { sceneUtils } from '@grafana/scenes';
import { Marks } from './marks.jsx';

const LINE_DEFAULTS = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  spanNulls: false,
  insertNulls: false,
  showPoints: 'auto',
  pointSize: 5,
  stacking: { mode: 'none', group: 'A' },
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: 'off' },
};
const CELL_DEFAULTS = { align: 'auto', cellOptions: { type: 'auto' }, inspect: false };

const hidden = () => null;

function register(pluginId, component, custom, colour) {
  const plugin = new PanelPlugin(component).setDataSupport({ annotations: true, alertStates: false }).useFieldConfig({
    standardOptions: { color: { defaultValue: { mode: colour } } },
    useCustomConfig: (builder) => {
      for (const [path, defaultValue] of Object.entries(custom)) {
        builder.addCustomEditor({
          id: path,
          path,
          name: path,
          defaultValue,
          editor: hidden,
          override: hidden,
          process: identityOverrideProcessor,
          shouldApply: () => true,
        });
      }
    },
  });
  sceneUtils.registerRuntimePanelPlugin({ pluginId, plugin });
}

export function registerPanels() {
  register('timeseries', Lines, LINE_DEFAULTS, FieldColorModeId.PaletteClassic);
  register('stat', Numbers, {}, FieldColorModeId.Thresholds);
  register('bargauge', Bars, {}, FieldColorModeId.Thresholds);
  register('table', Rows, CELL_DEFAULTS, FieldColorModeId.Thresholds);
}

/**
 * Values under the names they are shown by, which colours by name are taken from in the plot and in its legend, and
 * nothing where a step has no value, so that lines have gaps there. The plot component does that for one frame only.
 */
function prepared(frame, frames, timeRange) {
  const named = (field) => (field.type === FieldType.number ? { ...field, name: getFieldDisplayName(field, frame, frames) } : { ...field });
  return applyNullInsertThreshold({
    frame: { ...frame, fields: frame.fields.map(named) },
    refFieldPseudoMin: timeRange.from.valueOf(),
    refFieldPseudoMax: timeRange.to.valueOf(),
  });
}

function Lines({ data, timeRange, timeZone, width, height, options, fieldConfig }) {
  const frames = useMemo(() => data.series.map((frame) => prepared(frame, data.series, timeRange)), [data.series, timeRange]);
  if (data.series.length === 0) {
    return <Nothing height={height} fieldConfig={fieldConfig} />;
  }
  return (
    <TimeSeries
      frames={frames}
      structureRev={data.structureRev}
      timeRange={timeRange}
      timeZone={timeZone}
      width={width}
      height={height}
      legend={options.legend}
      options={options}
    >
      {(config) => <Marks config={config} annotations={data.annotations ?? []} />}
    </TimeSeries>
  );
}

function useValues({ data, fieldConfig, options, replaceVariables, timeZone }) {
  const theme = useTheme2();
  return () =>
    getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables,
      theme,
      data: data.series,
      sparkline: options.graphMode !== undefined && options.graphMode !== 'none',
      timeZone,
    });
}

function Numbers(props) {
  const { data, width, height, options, renderCounter } = props;
  const theme = useTheme2();
  const values = useValues(props);
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, count, alignmentFactors }) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          text={options.text}
          percentChangeColorMode={options.percentChangeColorMode}
          wideLayout={options.wideLayout}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      source={data}
      width={width}
      height={height}
      itemSpacing={3}
      orientation={options.orientation}
      renderCounter={renderCounter}
      autoGrid
    />
  );
}

function Bars(props) {
  const { data, width, height, options, renderCounter } = props;
  const theme = useTheme2();
  const values = useValues(props);
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          field={value.field}
          text={options.text}
          alignmentFactors={alignmentFactors}
          displayMode={options.displayMode}
          orientation={orientation}
          showUnfilled={options.showUnfilled}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          itemSpacing={8}
          lcdCellWidth={12}
          width={width}
          height={height}
          theme={theme}
        />
      )}
      source={data}
      width={width}
      height={height}
      itemSpacing={10}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight}
      orientation={options.orientation}
      renderCounter={renderCounter}
    />
  );
}

function Rows({ data, width, height, options, fieldConfig, timeRange }) {
  const frame = data.series[options.frameIndex ?? 0];
  if (!frame || frame.length === 0) {
    return <Nothing height={height} fieldConfig={fieldConfig} />;
  }
  return (
    <Table
      data={frame}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      showTypeIcons={options.showTypeIcons}
      cellHeight={options.cellHeight}
      fieldConfig={fieldConfig}
      timeRange={timeRange}
      resizable
    />
  );
}

function Nothing({ height, fieldConfig }) {
  const theme = useTheme2();
  return (
    <div style={{ height, display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center', color: theme.colors.text.secondary }}>
      {fieldConfig.defaults.noValue ?? 'No data'}
    </div>
  );
}
