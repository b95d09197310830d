// Annotations on a plot, as Grafana marks a moment: a dashed line and a triangle under the axis; a region is shaded.

import { useEffect, useLayoutEffect, useRef } from 'react';
import { useTheme2 } from '@grafana/ui';

const TRIANGLE = 5;

export function Marks({ config, annotations }) {
  const theme = useTheme2();
  const plot = useRef();
  const events = useRef([]);
  events.current = annotations.flatMap(eventsOf);
  useLayoutEffect(() => {
    config.addHook('init', (started) => {
      plot.current = started;
    });
    config.addHook('draw', (drawn) => events.current.forEach((event) => mark(drawn, event, theme.visualization.getColorByName(event.color))));
  }, [config, theme]);
  useEffect(() => plot.current?.redraw(false), [annotations]);
  return null;
}

function eventsOf(frame) {
  const column = (name) => frame.fields.find((field) => field.name === name)?.values ?? [];
  const [ends, colours] = [column('timeEnd'), column('color')];
  return column('time').map((start, index) => ({ start, end: ends[index] ?? start, color: colours[index] }));
}

function mark({ ctx, bbox, valToPos }, { start, end, color }, colour) {
  const [left, right] = [start, end].map((moment) => Math.round(valToPos(moment, 'x', true)));
  const bottom = bbox.top + bbox.height;
  const size = TRIANGLE * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5, 5]);
  for (const x of new Set([left, right])) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
  }
  if (right > left) {
    ctx.fillRect(left, bottom, right - left, size);
    ctx.globalAlpha = 0.1;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  } else {
    ctx.beginPath();
    ctx.moveTo(left, bottom);
    ctx.lineTo(left - size, bottom + size);
    ctx.lineTo(left + size, bottom + size);
    ctx.fill();
  }
  ctx.restore();
}
