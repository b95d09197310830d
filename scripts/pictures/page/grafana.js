// What a Grafana gives to its components besides data: a theme, its registries of options and transformations, and
// how a request is run.

import {
  EventBusSrv,
  FieldColorModeId,
  LoadingState,
  ThresholdsMode,
  createTheme,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  identityOverrideProcessor,
  numberOverrideProcessor,
  patchArrayVectorProrotypeMethods,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';
import { config, setAppEvents, setPluginImportUtils, setRunRequest } from '@grafana/runtime';
import { from, map } from 'rxjs';

const OPTIONS = {
  displayName: [displayNameOverrideProcessor],
  unit: [unitOverrideProcessor],
  min: [numberOverrideProcessor],
  max: [numberOverrideProcessor],
  decimals: [numberOverrideProcessor],
  noValue: [identityOverrideProcessor],
  links: [dataLinksOverrideProcessor],
  mappings: [valueMappingsOverrideProcessor, []],
  thresholds: [thresholdsOverrideProcessor, { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: 'green' }] }],
  color: [identityOverrideProcessor, { mode: FieldColorModeId.Thresholds }],
  filterable: [identityOverrideProcessor],
};

/** The theme, once everything is registered. */
export function startGrafana(mode) {
  patchArrayVectorProrotypeMethods(); // columns are arrays, which parts of Grafana still read as it once stored them
  const theme = createTheme({ colors: { mode } });
  config.theme2 = theme;
  config.theme = theme.v1;
  setAppEvents(new EventBusSrv());
  setPluginImportUtils({ importPanelPlugin: unknownPanel, getPanelPluginFromCache: () => undefined });
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(() =>
    Object.entries(OPTIONS).map(([id, [process, defaultValue]]) => ({
      id,
      path: id,
      name: id,
      defaultValue,
      process,
      editor: () => null,
      override: () => null,
      shouldApply: () => true,
    }))
  );
  standardTransformersRegistry.setInit(() =>
    [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation,
    }))
  );
  setRunRequest((dataSource, request) =>
    from(dataSource.query(request)).pipe(
      map(({ data }) => ({ state: LoadingState.Done, series: data, annotations: [], request, timeRange: request.range }))
    )
  );
  return theme;
}

async function unknownPanel(kind) {
  throw new Error(`a panel of type ${kind} is not drawn yet`);
}
