// What the page knows: documents of /costmeter/data, kept by instance and never mixed. Nothing here touches the page.
"use strict";

const HOUR = 3600;
const SILENT = 180, SILENT_ANSWERS = 4; // an instance is gone after so long, and as many answers of each that is known
const MOST_ROWS = 1500, MOST_OLDER = 700; // of one instance; from before the last hour, once there are too many

/** Keeps what each instance said, and notices restarts and addresses behind which two servers answer. */
class Store {
  constructor() {
    this.instances = new Map();
    this.shown = null; // the instance that is drawn
    this.notice = "";
    this.answers = 0;
  }

  /** The question for the next document: which instance is known, and since when. */
  question() {
    const known = this.instances.get(this.last);
    return known ? `?instance=${encodeURIComponent(this.last)}&since=${known.since}` : "";
  }

  /** `seen`: seconds on a clock of the browser that never goes back. */
  take(document, seen) {
    const id = document.instance;
    this.answers += 1;
    let known = this.instances.get(id);
    if (!known) {
      known = { id, rows: [], since: -1, fit: null, columns: new Map(), width: 1 };
      this.instances.set(id, known);
      this.#newInstance(known, document, seen);
    } else if (id !== this.shown && !this.isSplit) {
      this.isSplit = true; // an instance that was thought gone answers again
    }
    const rows = inOwnOrder(known, document.history);
    const now = rows.at(-1), kept = rows.slice(0, -1);
    if (kept.length) {
      known.rows.push(...kept.filter((row) => row[0] > known.since));
      known.since = kept.at(-1)[0];
    }
    known.rows = thinned(known.rows, now[0]);
    Object.assign(known, { document, now, seen, answer: this.answers });
    known.fit = document.fit ?? known.fit;
    known.began = document.unix_seconds - document.uptime_seconds;
    this.last = id;
    const isHeard = (each) => seen - each.seen < SILENT || this.answers - each.answer < SILENT_ANSWERS * this.instances.size;
    if (!isHeard(this.current)) {
      this.shown = id;
    }
    if (this.isSplit) {
      const ids = [...this.instances.values()].filter(isHeard).map((each) => each.id);
      this.notice = ids.length > 1
        ? `${ids.length} servers answer at this address (${ids.join(", ")}), as behind a load balancer. Shown is ${this.shown} alone; open a server’s own address for the others.`
        : "";
    }
    if (this.instances.size > 8) {
      const oldest = [...this.instances.values()].filter((each) => each.id !== this.shown && each.id !== id)[0];
      this.instances.delete(oldest.id);
    }
  }

  get current() {
    return this.instances.get(this.shown);
  }

  /** By the servers' clock or the browser's: either may have been set, and a restart taken for a second server stays one. */
  #newInstance(known, document, seen) {
    const before = this.current;
    const began = document.unix_seconds - document.uptime_seconds;
    if (!before) {
      this.shown = known.id;
    } else if (began > before.document.unix_seconds - 30 || document.uptime_seconds < seen - before.seen + 30) { // it began after the other was last heard of: a restart
      this.shown = known.id;
      this.notice = `The server restarted at ${clock(began)}. What was counted before is not part of this page.`;
    } else {
      this.isSplit = true;
    }
  }
}

/** Rows with their cells in the order of `known.columns`: each API process of a server has an order of its own. */
function inOwnOrder(known, { columns, rows }) {
  const places = columns.map(([server, name]) => {
    if (!known.columns.has(server)) {
      known.columns.set(server, new Map());
    }
    const names = known.columns.get(server);
    if (!names.has(name)) {
      names.set(name, known.width);
      known.width += 1;
    }
    return names.get(name);
  });
  if (places.every((place, at) => place === at + 1)) {
    return rows;
  }
  return rows.map((row) => {
    const own = new Array(known.width).fill(null);
    own[0] = row[0];
    row.slice(1).forEach((value, at) => { own[places[at]] = value; });
    return own;
  });
}

/** The last hour as it is; of what is older, once there are too many, one moment in each of equal times, so that a page
 * which is open for weeks draws all of them as closely. */
function thinned(rows, now) {
  if (rows.length <= MOST_ROWS) {
    return rows;
  }
  const step = 10 * 2 ** Math.max(0, Math.ceil(Math.log2(now / 10 / MOST_OLDER)));
  const isKept = (row, at) => row[0] > now - HOUR || at === 0 || Math.floor(row[0] / step) !== Math.floor(rows[at - 1][0] / step);
  return rows.filter(isKept);
}

/** One reading of an instance: some servers, a range of time and perhaps another price. */
class View {
  constructor(known, server, range, trial) {
    this.known = known;
    this.metrics = known.document.metrics;
    this.names = server === null ? [...known.columns.keys()] : [server];
    this.server = server;
    const now = known.now[0];
    const rows = range === "hour" ? known.rows.filter((row) => row[0] >= now - HOUR - 1) : known.rows;
    this.rows = [...rows.filter((row) => row[0] < now - 0.5), known.now];
    this.moments = [...known.rows, known.now];
    this.places = new Map(this.moments.map((row, at) => [row, at]));
    this.growths = new Map();
    this.span = this.rows.length > 1 ? now - this.rows[0][0] : 0;
    this.window = Math.max(60, this.span / 60);
    this.trial = trial;
    this.gpus = new Map(this.names.map((name) => [name, this.#gpusOf(name)]));
  }

  cell(row, server, name) {
    const at = this.known.columns.get(server)?.get(name);
    const value = at === undefined ? undefined : row[at];
    return value === undefined || value === null ? null : value;
  }

  /** Whether an exporter still lists this server: one that left keeps what it had cost, and no price. */
  isListed(server) {
    return this.listed().has(server);
  }

  listed() {
    return new Set((this.metrics.costmeter_gpu_seconds_total ?? []).map((each) => each.labels.instance ?? ""));
  }

  /** What most of the time since the last moment was: active, idle or asleep; null before there are two. */
  stateOf(server) {
    const before = this.known.rows.findLast((row) => row[0] <= this.now[0] - 1);
    const grown = before ? STATES.map((state) => this.grown(before, this.now, `gpu_seconds:${state}`, [server]) ?? 0) : [];
    const most = Math.max(0, ...grown);
    return most > 0 ? STATES[grown.indexOf(most)] : null;
  }

  /** Names of this group's columns, over all servers shown: has("tokens") -> ["generated", ...]. */
  kinds(group) {
    const found = new Set();
    for (const server of this.names) {
      for (const name of this.known.columns.get(server)?.keys() ?? []) {
        if (name.startsWith(`${group}:`)) {
          found.add(name.slice(group.length + 1));
        }
      }
    }
    return [...found];
  }

  /** How many of the servers shown have a column of this group. */
  tellers(group) {
    return this.names.filter((server) => [...(this.known.columns.get(server)?.keys() ?? [])].some((name) => name.startsWith(`${group}:`))).length;
  }

  has(name) {
    return this.names.some((server) => this.cell(this.known.now, server, name) !== null);
  }

  /**
   * By how much a counter grew between two moments, over the servers that told it at the second; null: nobody did. A gap
   * is bridged evenly, a counter that fell began again, and one that was not there at first began at zero. From the first
   * moment up to now, a server which left counts with what it had grown by then.
   */
  grown(from, to, name, servers = this.names) {
    const start = this.places.get(from), end = this.places.get(to);
    return sumKnown(servers.map((server) => {
      const { sums, told } = this.#growth(server, name);
      const isTold = this.cell(to, server, name) !== null ? start === end || told[end] > told[start] : from === this.first && to === this.now && told[end] > told[start];
      return isTold ? sums[end] - sums[start] : null;
    }));
  }

  /** At each moment: the growth so far, even within a gap, and how many moments have told the counter. */
  #growth(server, name) {
    const key = `${server}\n${name}`;
    let found = this.growths.get(key);
    if (!found) {
      let last = null, sum = 0, toldAt = 0;
      found = { sums: [], told: [] };
      for (const [row, at] of this.places) {
        const value = this.cell(row, server, name), times = found.told.at(-1) ?? 0;
        if (value !== null) {
          const fell = last !== null && value < 0.99 * last; // less than that: moments of two processes out of turn
          const before = sum;
          sum += last === null || fell ? value : Math.max(0, value - last);
          if (last !== null) {
            this.#spread(found.sums, toldAt, at, before, sum);
          }
          last = fell ? value : Math.max(last ?? 0, value);
          toldAt = at;
        }
        found.sums.push(sum);
        found.told.push(times + (value !== null));
      }
      this.growths.set(key, found);
    }
    return found;
  }

  /** The sums of the moments between two that were told. */
  #spread(sums, start, end, before, after) {
    const [first, last] = [this.moments[start][0], this.moments[end][0]];
    for (let at = start + 1; at < end; at += 1) {
      sums[at] = before + ((after - before) * (this.moments[at][0] - first)) / (last - first);
    }
  }

  /** The value of a gauge, summed or averaged over the servers that tell it. */
  gauge(row, name, mean = false) {
    const values = this.names.map((server) => this.cell(row, server, name)).filter((value) => value !== null);
    return values.length ? values.reduce((sum, value) => sum + value, 0) / (mean ? values.length : 1) : null;
  }

  /** Dollars of a state (all three without one) between two moments, at the price tried if there is one. */
  usd(from, to, state) {
    if (this.trial === null) {
      return sumKnown((state ? [state] : STATES).map((each) => this.grown(from, to, `usd:${each}`)));
    }
    let usd = null;
    for (const server of this.names) {
      const gpus = this.gpus.get(server);
      for (const each of state ? [state] : STATES) {
        const seconds = this.grown(from, to, `gpu_seconds:${each}`, [server]);
        usd = seconds === null || !gpus ? usd : (usd ?? 0) + (seconds / gpus / HOUR) * this.trial;
      }
    }
    return usd;
  }

  /** What an amount of active dollars is at the price tried. */
  retold(usd, from, to) {
    if (usd === null || this.trial === null) {
      return usd;
    }
    const charged = this.grown(from, to, "usd:active");
    return charged ? (usd * this.usd(from, to, "active")) / charged : null;
  }

  tokens(from, to, kinds = TOKENS) {
    return sumKnown(kinds.map((kind) => this.grown(from, to, `tokens:${kind}`)));
  }

  /** Dollars per million tokens by definition; null without such tokens. */
  perMillion(from, to, per) {
    const phase = { prefill: ["prompt_computed"], decode: ["generated"] }[per];
    const usd = phase ? this.retold(this.grown(from, to, `phase_usd:${per}`), from, to) : this.usd(from, to);
    const tokens = this.tokens(from, to, phase ?? (per === "generated" ? ["generated"] : TOKENS));
    return usd === null || !tokens ? null : (usd / tokens) * 1e6;
  }

  /** `[times, values]` of a quantity of two moments: each point looks back over the window. */
  series(quantity) {
    let from = 0;
    return this.#line(1, (row, to) => {
      while (from + 1 < to && this.rows[from + 1][0] <= row[0] - this.window) {
        from += 1;
      }
      return quantity(this.rows[from], row, this.seconds(this.rows[from], row));
    });
  }

  /** What was metered between two moments: a moment has the meter's last second, up to a second ago by the clock. */
  seconds(from, to) {
    const clock = to[0] - from[0], gpus = this.names.length === 1 ? this.gpus.get(this.names[0]) : null;
    const grown = gpus ? sumKnown(STATES.map((state) => this.grown(from, to, `gpu_seconds:${state}`))) : null;
    return grown > 0 && Math.abs(grown / gpus - clock) <= 2 ? grown / gpus : clock;
  }

  /** The same of a quantity of one moment. */
  gauges(quantity) {
    return this.#line(0, quantity);
  }

  /** Where the server kept no moment for longer than a point looks back, nothing is known, and no line is drawn. */
  #line(start, quantity) {
    const times = [], values = [];
    for (let at = start; at < this.rows.length; at += 1) {
      const [before, row] = [this.rows[at - 1], this.rows[at]];
      if (times.length && row[0] - before[0] > this.window) {
        times.push((this.unix(before) + this.unix(row)) / 2);
        values.push(null);
      }
      times.push(this.unix(row));
      values.push(quantity(row, at));
    }
    return [times, values];
  }

  /** A moment in Unix seconds by the server's clock as it is now, so that a clock that was set moves all of them. */
  unix(row) {
    return this.known.document.unix_seconds - (this.known.document.uptime_seconds - row[0]);
  }

  get first() {
    return this.rows[0];
  }

  get now() {
    return this.known.now;
  }

  /** Dollars an hour now. */
  get price() {
    return this.trial === null ? this.value("costmeter_price_usd_per_hour") : this.trial * this.names.filter((server) => this.isListed(server)).length;
  }

  /** Samples of a metric of the servers shown, and what an exporter tells of no single one. */
  samples(name) {
    const all = this.metrics[name] ?? [];
    return all.filter(({ labels }) => (this.server === null ? labels.instance === undefined || this.names.includes(labels.instance) : (labels.instance ?? "") === this.server));
  }

  value(name, labels = {}) {
    const found = this.samples(name).filter((each) => Object.entries(labels).every(([key, text]) => each.labels[key] === text));
    return sumKnown(found.map((each) => each.value));
  }

  /** GPU seconds pass once per GPU and second, told up to a second late: null until that cannot be another number. */
  #gpusOf(server) {
    const inside = [...this.known.rows, this.known.now].filter((row) => this.cell(row, server, "gpu_seconds:idle") !== null);
    const [first, last] = [inside[0], inside.at(-1)];
    if (inside.length < 2) {
      return null;
    }
    const total = (row) => STATES.reduce((sum, state) => sum + (this.cell(row, server, `gpu_seconds:${state}`) ?? 0), 0);
    const seconds = last[0] - first[0], grown = total(last) - total(first);
    return grown > 0 && seconds > 2 * (grown / seconds) + 1 ? Math.max(1, Math.round(grown / seconds)) : null;
  }
}

const STATES = ["active", "idle", "asleep"];
const TOKENS = ["prompt", "prompt_computed", "prompt_cached", "generated"];

function sumKnown(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}
