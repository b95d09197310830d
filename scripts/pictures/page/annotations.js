// What Grafana's Prometheus data source makes of an annotation's query: an event wherever a series is above zero, one
// region where it stays there from point to point.

import { of } from 'rxjs';

export const STEP_SECONDS = 60;

export const annotations = {
  prepareAnnotation: (annotation) => annotation,
  prepareQuery: (annotation) => ({ ...annotation, refId: 'Anno', range: true, legendFormat: annotation.titleFormat, stepSeconds: STEP_SECONDS }),
  processEvents: (annotation, frames) => of(frames.flatMap((frame) => events(annotation, frame))),
};

function events({ iconColor, name }, { fields: [time, value] }) {
  const found = [];
  time.values.forEach((moment, index) => {
    if (!(value.values[index] > 0)) {
      return;
    }
    const last = found.at(-1);
    if (last && moment - last.timeEnd <= STEP_SECONDS * 1000) {
      last.timeEnd = moment;
      last.isRegion = true;
    } else {
      found.push({ time: moment, timeEnd: moment, title: value.config.displayNameFromDS, color: iconColor, tags: [], source: { name } });
    }
  });
  return found;
}
