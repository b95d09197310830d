// Charts with uPlot, readable by eye, keyboard and screen reader.
"use strict";

const paint = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** An element with attributes, properties and children; text is always text. */
function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name === "class") {
      element.className = value;
    } else if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** One chart in a card. `lines`: `{label, color}`; `show(value)` writes one value. */
class Chart {
  constructor({ id, title, what, show, step = show, stacked = false, log = false, most = null }) {
    Object.assign(this, { id, title, what, show, step, stacked, log, most });
    this.lines = [];
    this.legend = make("ul", { class: "legend" });
    this.place = make("div", { class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": title, "aria-describedby": `${id}-said`, onkeydown: (event) => this.#walk(event), onblur: () => this.#leave() });
    this.said = make("p", { class: "unseen", id: `${id}-said` });
    this.at = make("p", { class: "at", "aria-live": "polite" });
    this.root = make("figure", { class: "card", id, "aria-labelledby": `${id}-title` },
      make("figcaption", {}, make("h2", { id: `${id}-title` }, title), make("p", { class: "quiet" }, what)),
      this.place, this.legend, this.at, this.said);
    new ResizeObserver(() => this.plot?.setSize(this.#size())).observe(this.place);
  }

  /** `data`: times, then one list of values per line; null: not known. */
  draw(lines, data) {
    const known = data.slice(1).some((values) => values.some((value) => value !== null));
    this.root.hidden = !known;
    if (!known) {
      return;
    }
    const names = JSON.stringify(lines);
    this.values = data;
    const drawn = this.stacked ? stackedUp(data) : data;
    if (!this.plot || names !== this.names) {
      this.names = names;
      this.lines = lines;
      this.plot?.destroy();
      this.plot = new uPlot(this.#options(), drawn, this.place);
    } else {
      this.plot.setData(drawn);
    }
    this.#tell(data[0].length - 1);
    this.#describe();
  }

  repaint() {
    this.names = null;
  }

  #size() {
    return { width: Math.max(200, this.place.clientWidth), height: this.place.clientWidth < 340 ? 150 : 176 };
  }

  #options() {
    const grid = { stroke: paint("--grid"), width: 1 }, ink = paint("--quiet");
    const few = (plot, splits) => splits.map((value) => (fewEnough(plot, value) ? value : null));
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    return {
      ...this.#size(),
      padding: [10, 26, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "costmeter" }, drag: { x: false, y: false }, points: { size: 7 }, y: false },
      hooks: { setCursor: [(plot) => this.lines.length && this.#tell(plot.cursor.idx ?? this.values[0].length - 1)] },
      scales: { x: { time: true }, y: this.#scale() },
      axes: [
        { ...axis, size: 30, space: 70, values: (plot, splits, at, space, step) => splits.map((unix) => (step >= 86400 ? new Date(unix * 1000).toLocaleDateString([], { month: "short", day: "numeric" }) : step < 60 ? clockWithSeconds(unix) : clock(unix))) },
        { ...axis, size: 62, space: 34, values: (plot, splits) => splits.map((value) => (value === null ? null : this.step(value))), ...(this.log ? { filter: few, grid: { ...grid, filter: few } } : {}) },
      ],
      series: [{}, ...this.lines.map((line, at) => ({
        label: line.label,
        stroke: paint(line.color),
        width: this.stacked ? 1.25 : 2,
        dash: line.dash ? [6, 4] : undefined,
        fill: this.stacked ? `${paint(line.color)}59` : this.lines.length === 1 ? `${paint(line.color)}26` : undefined,
        spanGaps: false,
        points: { show: (plot) => plot.data[at + 1].filter((value) => value !== null).length < 2, size: 6, fill: paint(line.color) },
      }))],
      bands: this.stacked ? this.lines.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })) : [],
    };
  }

  #scale() {
    if (this.log) {
      return { distr: 3, range: (plot, low, high) => (low > 0 ? [10 ** Math.floor(Math.log10(low * 0.999)), 10 ** Math.ceil(Math.log10(high * 1.001))] : [0.01, 1]) };
    }
    return { range: (plot, low, high) => [0, this.most ?? Math.max((high || 0) * 1.12, 1e-9)] };
  }

  /** The values at a point in the legend. */
  #tell(at) {
    const rows = this.lines.map((line, each) => {
      const value = this.values[each + 1][at] ?? null;
      return make("li", {}, colored(line.color, line.dash), line.label, " ", make("b", {}, value === null ? "–" : this.show(value)));
    });
    this.legend.replaceChildren(...rows);
  }

  #describe() {
    const told = this.lines.map((line, at) => {
      const values = this.values[at + 1].filter((value) => value !== null);
      return values.length ? `${line.label}: now ${this.show(values.at(-1))}, from ${this.show(Math.min(...values))} to ${this.show(Math.max(...values))}` : `${line.label}: none`;
    });
    this.said.textContent = `${this.what} ${clock(this.values[0][0])} to ${clock(this.values[0].at(-1))}. ${told.join("; ")}. Arrow keys read single moments.`;
  }

  /** Left, right, home and end move the cursor, and say what is there. */
  #walk(event) {
    const last = this.values[0].length - 1, from = this.walked ?? last + 1;
    const step = Math.max(1, Math.round(last / 60));
    const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: last }[event.key];
    if (to === undefined) {
      return;
    }
    event.preventDefault();
    this.walked = Math.min(last, Math.max(0, to));
    this.plot.setCursor({ left: this.plot.valToPos(this.values[0][this.walked], "x"), top: 20 });
    this.#tell(this.walked);
    this.at.textContent = `${clock(this.values[0][this.walked])}: ${this.lines.map((line, each) => `${line.label} ${this.#shown(each)}`).join(", ")}`;
  }

  #shown(each) {
    const value = this.values[each + 1][this.walked] ?? null;
    return value === null ? "none" : this.show(value);
  }

  #leave() {
    this.walked = null;
    this.at.textContent = "";
    this.plot?.setCursor({ left: -10, top: -10 });
  }
}

/** Powers of ten; between them 2 and 5 where there is room. */
function fewEnough(plot, value) {
  const decades = Math.log10(plot.scales.y.max / plot.scales.y.min);
  const lead = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
  return Math.abs(lead - 1) < 1e-6 || (decades < 2.5 && (Math.abs(lead - 2) < 1e-6 || Math.abs(lead - 5) < 1e-6));
}

/** Each line on top of those before it. */
function stackedUp([times, ...lines]) {
  const sums = times.map(() => 0);
  return [times, ...lines.map((values) => values.map((value, at) => (value === null && lines.every((line) => line[at] === null) ? null : (sums[at] += value ?? 0))))];
}
