// A dashboard's JSON as a scene: variables, annotations, rows, panels, each with its queries and transformations.

import {
  CustomVariable,
  EmbeddedScene,
  QueryVariable,
  SceneControlsSpacer,
  SceneDataLayerSet,
  SceneDataTransformer,
  SceneGridItem,
  SceneGridLayout,
  SceneGridRow,
  SceneQueryRunner,
  SceneRefreshPicker,
  SceneTimePicker,
  SceneTimeRange,
  SceneVariableSet,
  VariableValueSelectors,
  VizPanel,
  dataLayers,
} from '@grafana/scenes';

export const DATA_SOURCE = 'prometheus';

export function sceneOf(dashboard, from, to) {
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables: dashboard.templating.list.map(variable) }),
    $data: new SceneDataLayerSet({ layers: dashboard.annotations.list.map(annotations) }),
    controls: [
      new VariableValueSelectors({}),
      new SceneControlsSpacer(),
      new SceneTimePicker({}),
      new SceneRefreshPicker({ refresh: dashboard.refresh }),
    ],
    body: new SceneGridLayout({ children: rows(dashboard.panels) }),
  });
}

function variable({ type, name, label, query, allValue, multi, sort, refresh, description }) {
  if (type === 'datasource') {
    return new CustomVariable({ name, label, query: `Prometheus : ${DATA_SOURCE}`, value: DATA_SOURCE, text: 'Prometheus' });
  }
  if (type !== 'query') {
    throw new Error(`a variable of type ${type} is not drawn yet`);
  }
  return new QueryVariable({
    name,
    label,
    description,
    datasource: { uid: DATA_SOURCE },
    query,
    allValue,
    isMulti: multi,
    includeAll: true,
    value: ['$__all'],
    text: ['All'],
    sort,
    refresh,
  });
}

function annotations(query) {
  return new dataLayers.AnnotationsDataLayer({ name: query.name, query: { ...query, datasource: { uid: DATA_SOURCE } } });
}

/** Every heading with the panels under it; Grafana keeps them side by side in its JSON. */
function rows(panels) {
  const top = [];
  let children = top;
  for (const panel of panels) {
    if (panel.type === 'row') {
      children = [];
      top.push(new SceneGridRow({ title: panel.title, y: panel.gridPos.y, isCollapsed: panel.collapsed, children }));
    } else {
      children.push(cell(panel));
    }
  }
  return top;
}

function cell({ id, type, title, description, targets, transformations, gridPos, options, fieldConfig, transparent }) {
  const queries = new SceneQueryRunner({ datasource: { uid: DATA_SOURCE }, queries: targets.map(({ datasource, ...query }) => query) });
  return new SceneGridItem({
    ...placed(gridPos),
    body: new VizPanel({
      key: `panel-${id}`,
      pluginId: type,
      title,
      description,
      options,
      fieldConfig,
      displayMode: transparent ? 'transparent' : 'default',
      $data: transformations ? new SceneDataTransformer({ $data: queries, transformations }) : queries,
    }),
  });
}

const placed = ({ x, y, w, h }) => ({ x, y, width: w, height: h });
