// Asks for the data, and draws them.
"use strict";

const at = (id) => document.getElementById(id);
const embedded = at("embedded");
const store = new Store();
const shown = { range: "hour", server: null, trial: null };
const LONGEST_ANSWER_MS = 15000;
let timer = 0, failures = 0, asking = false, wait = 2;

/** Seconds that never go back, though the clock is set, and go on in a computer that sleeps if either clock does. */
const passed = { seconds: 0, steady: performance.now(), wall: Date.now() };
function secondsPassed() {
  const [steady, wall] = [performance.now(), Date.now()];
  passed.seconds += Math.max(steady - passed.steady, wall - passed.wall) / 1000;
  Object.assign(passed, { steady, wall });
  return passed.seconds;
}

const STATE_LINES = { active: "--active", idle: "--idle", asleep: "--asleep" };
const TOKEN_LINES = { prompt: ["prompt", "--prompt"], prompt_computed: ["prompt, computed", "--prompt"], prompt_cached: ["prompt, cached", "--cached"], generated: ["generated", "--generated"] };
const GPU_COLORS = ["--all", "--generated", "--prefill", "--decode", "--cached", "--prompt", "--kv", "--graphs"];

const charts = {
  million: new Chart({ id: "million", title: "$ per million tokens", what: "Dollars divided by tokens, on a logarithmic scale.", show: usd, step: usdStep, log: true }),
  bill: new Chart({ id: "bill", title: "$ per hour", what: "The bill by state; active while a request runs.", show: usd, step: usdStep, stacked: true }),
  tokens: new Chart({ id: "tokens", title: "Tokens per second", what: "As vLLM counts them, by kind.", show: count, stacked: true }),
  request: new Chart({ id: "request", title: "What 1,000 requests cost", what: "Mean cost of the requests that ended, without idle time.", show: usd, step: usdStep }),
  api: new Chart({ id: "api", title: "This server and an API", what: "$ per hour: the bill, and the same tokens there.", show: usd, step: usdStep }),
  kv: new Chart({ id: "kv", title: "KV cache in use", what: "Share of the KV cache that holds tokens.", show: percent, most: 1 }),
  energy: new Chart({ id: "energy", title: "Energy per token", what: "Joules while requests ran, per token of any kind.", show: joules }),
  memory: new Chart({ id: "memory", title: "GPU memory", what: "In use by all processes, not this server alone.", show: (value) => `${digits(value)} GiB` }),
  power: new Chart({ id: "power", title: "GPU power", what: "Power draw of each GPU.", show: watts }),
};

function drawCharts(view) {
  const per = DEFINITIONS.map(([name, label, color]) => ({ label, color, ...view.series((from, to) => view.perMillion(from, to, name)) }));
  draw(charts.million, per);
  draw(charts.bill, STATES.filter((state) => view.has(`gpu_seconds:${state}`)).map((state) => ({ label: state, color: STATE_LINES[state], ...view.series((from, to, seconds) => perHour(view.usd(from, to, state), seconds)) })).filter((line) => line.label !== "asleep" || line[1].some(Boolean)));
  draw(charts.tokens, TOKENS.filter((kind) => view.has(`tokens:${kind}`)).map((kind) => ({ label: TOKEN_LINES[kind][0], color: TOKEN_LINES[kind][1], ...view.series((from, to, seconds) => perSecond(view.tokens(from, to, [kind]), seconds)) })));
  draw(charts.request, [{ label: "mean", color: "--all", ...view.series((from, to) => {
    const requests = view.grown(from, to, "requests"), cost = view.retold(view.grown(from, to, "requests_usd"), from, to);
    return requests && cost !== null ? (cost / requests) * 1000 : null;
  }) }]);
  draw(charts.api, view.has("api_usd") ? [
    { label: "this server", color: "--all", ...view.series((from, to, seconds) => perHour(view.usd(from, to), seconds)) },
    { label: "API, same tokens", color: "--generated", ...view.series((from, to, seconds) => perHour(view.grown(from, to, "api_usd"), seconds)) },
  ] : []);
  draw(charts.kv, [{ label: view.names.length > 1 ? "mean of the servers" : "in use", color: "--kv", ...view.gauges((row) => view.gauge(row, "kv_cache_usage_ratio", true)) }]);
  draw(charts.energy, [{ label: "per token", color: "--prefill", ...view.series((from, to) => {
    const energy = view.grown(from, to, "active_joules"), tokens = view.tokens(from, to);
    return energy && tokens ? energy / tokens : null;
  }) }]);
  const total = view.samples("costmeter_gpu_memory_total_bytes")[0]?.value ?? null;
  draw(charts.memory, [
    ...gpuLines(view, "gpu_memory_used_bytes", "in use", GIB),
    ...(total !== null && view.names.length === 1 ? [{ label: "total", color: "--quiet", dash: true, ...view.gauges(() => total / GIB) }] : []),
  ]);
  draw(charts.power, gpuLines(view, "gpu_power_watts", "draw", 1));
}

/** A line per GPU of one server, or per server of several, all its GPUs together. */
function gpuLines(view, group, only, unit) {
  const gpus = view.kinds(group);
  const lines = view.names.length > 1
    ? view.names.map((server) => [server, (row) => sumKnown(gpus.map((gpu) => view.cell(row, server, `${group}:${gpu}`)))])
    : gpus.map((gpu) => [gpus.length > 1 ? `GPU ${gpu}` : only, (row) => view.gauge(row, `${group}:${gpu}`)]);
  const scaled = (value) => (value === null ? null : value / unit);
  return lines.slice(0, GPU_COLORS.length).map(([label, tell], each) => ({ label, color: GPU_COLORS[each], ...view.gauges((row) => scaled(tell(row))) }));
}

const perHour = (usd, seconds) => (usd === null || !seconds ? null : (usd / seconds) * HOUR);
const perSecond = (tokens, seconds) => (tokens === null || !seconds ? null : tokens / seconds);

/** `lines`: `{label, color}` with the times as 0 and the values as 1. */
function draw(chart, lines) {
  const known = lines.filter((line) => line[1].some((value) => value !== null));
  const times = known[0]?.[0] ?? [];
  chart.draw(known.map(({ label, color, dash }) => ({ label, color, dash })), [times, ...known.map((line) => line[1])]);
}

const content = at("content");
const places = {
  tiles: make("section", { class: "tiles", "aria-label": "In numbers" }),
  waiting: make("p", { class: "notice", hidden: true }),
  servers: make("div", { class: "charts" }),
  charts: make("section", { class: "charts", "aria-label": "Over time" }, ...Object.values(charts).map((chart) => chart.root)),
  below: make("div", { class: "charts" }),
};
content.append(...Object.values(places));

function render() {
  const known = store.current;
  if (!known) {
    return;
  }
  const servers = [...known.columns.keys()];
  if (shown.server !== null && !servers.includes(shown.server)) {
    shown.server = null;
  }
  const view = new View(known, servers.length === 1 ? servers[0] : shown.server, shown.range, shown.trial);
  view.range = shown.range;
  renderChoice(servers);
  const models = modelsOf(view);
  at("model").textContent = models.length > 3 ? `${models.length} models` : models.join(", ") || "Cost of this server";
  document.title = `${titleFigure(view)}${at("model").textContent} · CostMeter`;
  at("about").textContent = aboutLine(view);
  const hasStarted = view.names.length > 0 && STATES.some((state) => view.has(`gpu_seconds:${state}`));
  places.waiting.hidden = hasStarted;
  places.waiting.textContent = hasStarted ? "" : "The meter has not counted anything yet; the numbers appear with its first second.";
  places.tiles.replaceChildren(...(hasStarted ? tiles(view) : []));
  drawCharts(view);
  replaceUnlessFocused(places.servers, [serverTable(view, (server) => { shown.server = server; content.focus(); render(); })]);
  replaceUnlessFocused(places.below, [fitCard(view), ...tables(view)]);
  renderNotices(view);
}

/** A table that somebody reads by keyboard is not pulled away from under them. */
function replaceUnlessFocused(place, children) {
  if (!place.contains(document.activeElement)) {
    place.replaceChildren(...children.filter(Boolean));
  }
}

function titleFigure(view) {
  const all = view.perMillion(view.first, view.now, "all");
  return all === null ? "" : `${usd(all)}/M · `;
}

function renderChoice(servers) {
  const select = at("server");
  at("server-choice").hidden = servers.length < 2;
  const told = servers.join("\n");
  if (select.dataset.told !== told) {
    select.dataset.told = told;
    select.replaceChildren(make("option", { value: "*" }, `all ${servers.length}`), ...servers.map((server, index) => make("option", { value: String(index) }, server)));
  }
  select.value = shown.server === null ? "*" : String(servers.indexOf(shown.server));
}

function renderNotices(view) {
  const notes = [store.notice, ...warnings(view)];
  if (shown.trial !== null) {
    const price = view.value("costmeter_price_usd_per_hour");
    notes.push(`Every dollar on this page is at ${usd(shown.trial)} an hour${view.names.length > 1 ? " for each server" : ""}, tried in this browser only${price === null ? "" : view.names.length > 1 ? `; the servers charge ${usd(price)} together` : `; the server charges ${usd(price)}`}.`);
  }
  say("notice", notes.filter(Boolean).join(" "));
  const gone = missing(view);
  at("foot").textContent = [gone.length ? `Not known here: ${gone.join("; ")}.` : "", `Since start: counters since ${day(store.current.began)}. Prefill and decode share active dollars by the work of each; all and generated carry the whole bill.`, view.span ? `Each point of a rate is of the ${duration(view.window)} before it.` : "", `vllm-costmeter ${store.current.document.version}.`].filter(Boolean).join(" ");
}

/** Only what changed is said, or a screen reader would repeat it with every second. */
function say(id, text) {
  if (at(id).textContent !== text) {
    at(id).textContent = text;
  }
  at(id).hidden = !text;
}

const stored = {
  get key() {
    try { return sessionStorage.getItem("costmeter-key"); } catch { return this.kept ?? null; }
  },
  set key(text) {
    this.kept = text;
    try { sessionStorage.setItem("costmeter-key", text); } catch { /* a browser that keeps nothing: this page remembers it */ }
  },
};

/** The key of vLLM, or USER:PASSWORD of an exporter that asks for those. */
function authorizations(key) {
  const pair = key.includes(":") ? [`Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(key)))}`] : [];
  return [`Bearer ${key}`, ...pair].filter((header) => /^[\x20-\x7e]*$/.test(header));
}

async function answer() {
  const address = new URL(`${location.pathname.replace(/\/+$/, "")}/data${store.question()}`, location.origin);
  const key = stored.key;
  let found = null;
  for (const header of key ? authorizations(key) : [null]) {
    found = await fetch(address, { headers: { Accept: "application/json", ...(header ? { Authorization: header } : {}) }, cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(LONGEST_ANSWER_MS) });
    if (found.status !== 401) {
      return found;
    }
  }
  return found ?? { status: 401, ok: false };
}

async function ask() {
  clearTimeout(timer);
  if (asking) {
    return;
  }
  asking = true;
  tellState(); // after a sleep, how old the numbers are
  try {
    const found = await answer();
    if (found.status === 401) {
      say("refused", stored.key ? "That is not its key." : "");
      at("key").hidden = false;
      say("state", "Waiting for the key");
      return;
    }
    at("key").hidden = true;
    if (!found.ok) {
      throw new Error(`status ${found.status}`);
    }
    const told = await found.json();
    store.take(told, secondsPassed());
    failures = 0;
    wait = Math.max(1, told.refresh_seconds);
    render();
  } catch (why) {
    failures += 1;
    wait = Math.min(30, 2 ** failures);
    if (failures === 1) {
      console.info(`costmeter: ${why}`);
    }
  } finally {
    asking = false;
    tellState();
  }
  if (!document.hidden) {
    timer = setTimeout(ask, wait * 1000 * (0.9 + 0.2 * Math.random()));
  }
}

function tellState() {
  const known = store.current;
  const isOld = Boolean(known) && !embedded && secondsPassed() - known.seen > 1.5 * known.document.refresh_seconds + LONGEST_ANSWER_MS / 1000;
  document.body.classList.toggle("stale", failures > 1 || isOld);
  if (embedded) {
    say("state", `Frozen at ${day(known.document.unix_seconds)}`);
  } else if (failures > 1) {
    say("state", known ? `Not reached since ${clock(known.document.unix_seconds)}; trying again` : "Not reached; trying again");
  } else if (known && at("key").hidden) {
    say("state", isOld ? `As of ${clock(known.document.unix_seconds)}; asking again` : "Live");
  }
}

at("price").addEventListener("submit", (event) => event.preventDefault());
at("trial").addEventListener("input", () => {
  const isEmpty = at("trial").value.trim() === "";
  shown.trial = priceIn(at("trial").value);
  const isWrong = !isEmpty && shown.trial === null;
  at("trial").setAttribute("aria-invalid", String(isWrong));
  say("trial-fault", isWrong ? "Not a price: dollars an hour above 0, such as 0.75." : "");
  at("reset").hidden = isEmpty;
  render();
});
at("reset").addEventListener("click", () => {
  at("trial").value = "";
  at("trial").dispatchEvent(new Event("input"));
  at("trial").focus();
});
at("server").addEventListener("change", () => {
  const choice = at("server").value;
  shown.server = choice === "*" ? null : [...store.current.columns.keys()][Number(choice)];
  render();
});
for (const input of document.querySelectorAll("input[name=range]")) {
  input.addEventListener("change", () => { shown.range = input.value; render(); });
}
at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  stored.key = at("secret").value.trim();
  at("secret").value = "";
  ask();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  Object.values(charts).forEach((chart) => chart.repaint());
  render();
});
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : embedded || ask()));
window.addEventListener("online", () => embedded || ask());
window.addEventListener("pageshow", (event) => event.persisted && !embedded && ask());

if (embedded) {
  store.take(JSON.parse(embedded.textContent), 0);
  render();
  tellState();
} else {
  ask();
}
