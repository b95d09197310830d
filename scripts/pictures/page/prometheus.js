// A Prometheus as a data source of Grafana's scenes, asked as Grafana's own asks: one point per pixel but never finer
// than the scrapes, rates over at least four of them, legends from templates, tables with a column per label.

import { FieldType, createDataFrame, rangeUtil } from '@grafana/data';
import { RuntimeDataSource, sceneGraph } from '@grafana/scenes';
import { annotations } from './annotations.js';

const asRegex = (value) => (Array.isArray(value) ? `(${value.join('|')})` : String(value));

export class Prometheus extends RuntimeDataSource {
  constructor(uid, url, scrapeSeconds) {
    super('prometheus', uid);
    this.url = url;
    this.scrapeSeconds = scrapeSeconds;
    this.annotations = annotations;
  }

  async query(request) {
    const found = await Promise.all(request.targets.map((target) => this.#answer(target, request)));
    return { data: found.flat() };
  }

  /** The values of a label: `label_values(SELECTOR, LABEL)`. */
  async metricFindQuery(query, { range, scopedVars }) {
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(query);
    const values = await this.#get(`label/${label}/values`, {
      'match[]': interpolated(selector, scopedVars),
      start: range.from.unix(),
      end: range.to.unix(),
    });
    return values.map((text) => ({ text }));
  }

  async #answer(target, request) {
    const step = target.stepSeconds ?? Math.max(request.intervalMs / 1000, this.scrapeSeconds);
    const seconds = request.range.to.diff(request.range.from, 's');
    const rate = Math.max(step + this.scrapeSeconds, 4 * this.scrapeSeconds);
    const query = interpolated(target.expr, {
      ...request.scopedVars,
      __rate_interval: { value: rangeUtil.secondsToHms(rate) },
      __range: { value: `${seconds}s` },
    });
    const end = request.range.to.unix();
    if (target.instant) {
      const { result } = await this.#get('query', { query, time: end });
      return target.format === 'table' ? [table(target, result)] : result.map((each) => moment(target, each));
    }
    // Grafana aligns a range with its step, so that a reload moves no point.
    const start = Math.floor(request.range.from.unix() / step) * step;
    const { result } = await this.#get('query_range', { query, start, end: Math.floor(end / step) * step, step });
    return result.map((each) => line(target, each, step));
  }

  async #get(path, fields) {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(fields)}`);
    const { data, error } = await answer.json();
    if (error) {
      throw new Error(error);
    }
    return data;
  }
}

function interpolated(text, scopedVars) {
  return sceneGraph.interpolate(scopedVars.__sceneObject.value.valueOf(), text, scopedVars, asRegex);
}

function legend(template, labels) {
  return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

function line(target, { metric, values }, step) {
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([at]) => at * 1000), config: { interval: step * 1000 } },
      number('Value', values.map(([, value]) => Number(value)), { displayNameFromDS: legend(target.legendFormat, metric) }, metric),
    ],
  });
}

function moment(target, { metric, value }) {
  return line(target, { metric, values: [value] }, 0);
}

function table(target, result) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(({ value: [at] }) => at * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, config: { filterable: true }, values: result.map(({ metric }) => metric[name] ?? '') })),
      number(`Value #${target.refId}`, result.map(({ value: [, text] }) => Number(text)), {}, undefined),
    ],
  });
}

function number(name, values, config, labels) {
  return { name, type: FieldType.number, values, config, labels };
}
