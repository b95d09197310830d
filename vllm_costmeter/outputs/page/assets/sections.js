// What stands around the charts: the first numbers, the memory bar, tables.
"use strict";

const MOST_NAMED = 3; // servers in a notice
const DEFINITIONS = [
  ["all", "all tokens", "--all"],
  ["generated", "generated tokens", "--generated"],
  ["prefill", "prefill only", "--prefill"],
  ["decode", "decode only", "--decode"],
];
const PARTS = [
  ["weights", "weights", "--weights"],
  ["activations", "activations", "--activations"],
  ["cuda_graphs", "CUDA graphs", "--graphs"],
  ["non_torch", "non-torch", "--nontorch"],
  ["kv_cache_needed", "KV cache needed", "--kv"],
];

/** The square that says which line or piece is meant. */
function colored(color, dash = false) {
  const key = make("span", { class: dash ? "key dashed" : "key", "aria-hidden": "true" });
  key.style.setProperty("--key", `var(${color})`);
  return key;
}

const tile = (name, figure, ...notes) => make("div", { class: "tile" },
  make("h2", {}, name), make("p", { class: "figure" }, figure), ...notes.filter(Boolean).map((note) => make("p", { class: "quiet" }, note)));

/** The numbers that people come for. */
function tiles(view) {
  const { first, now } = view;
  const told = (per) => view.perMillion(first, now, per);
  const rest = DEFINITIONS.slice(1).map(([per, name, color]) => [name, told(per), color]).filter(([, value]) => value !== null);
  const spent = view.usd(first, now), idle = view.usd(first, now, "idle");
  const hasPrice = spent !== null;
  const tokens = view.tokens(first, now);
  const all = told("all");
  const found = [make("div", { class: "tile hero" },
    make("h2", {}, "Cost per million tokens"),
    make("p", { class: "figure" }, hasPrice ? (all === null ? "–" : usd(all)) : UNKNOWN),
    make("p", { class: "quiet" }, "all tokens: prompt and generated"),
    hasPrice && all === null ? make("p", { class: "quiet" }, "no tokens in this time") : null,
    hasPrice ? null : make("p", { class: "quiet" }, "no price is set: start with --gpu-hourly-usd, or try one above"),
    rest.length ? make("dl", { class: "definitions" }, ...rest.flatMap(([name, value, color]) => [make("div", {}, make("dt", {}, colored(color), name), make("dd", {}, usd(value)))])) : null)];
  if (hasPrice) {
    const share = spent > 0 && idle !== null ? idle / spent : null;
    found.push(tile("Spent", usd(spent), `in ${duration(view.span)}${view.price === null ? "" : `, now at ${usd(view.price)} an hour`}`));
    if (share !== null) {
      found.push(tile("Idle", percent(share), `${usd(idle)} of the bill while no request ran`));
    }
  }
  const rates = latestRates(view);
  found.push(tile("Tokens", tokens === null ? UNKNOWN : count(tokens), rates === null ? null : `${count(rates)} a second over the last minute`));
  const requests = view.grown(first, now, "requests");
  if (requests) {
    const cost = view.retold(view.grown(first, now, "requests_usd"), first, now);
    found.push(tile("1,000 requests", cost === null ? UNKNOWN : usd((cost / requests) * 1000), `mean of ${count(requests)} that ended, without idle time`));
  }
  const energy = view.grown(first, now, "active_joules");
  if (energy && tokens) {
    found.push(tile("Energy", `${joules(energy / tokens)}`, "per token, while requests ran"));
  }
  const api = view.grown(first, now, "api_usd");
  if (api && spent !== null) {
    const providers = [...new Set(view.samples("costmeter_api_equivalent_usd_total").map((each) => each.labels.provider))].join(", ");
    found.push(tile(`vs ${providers}`, `${digits(spent / api)}×`, `its price for the same tokens, ${usd(api)}`));
  }
  return found;
}

function latestRates(view) {
  const from = view.rows.find((row) => row[0] > view.now[0] - 75);
  const seconds = view.seconds(from, view.now);
  const tokens = view.tokens(from, view.now);
  return seconds < 1 || tokens === null ? null : tokens / seconds;
}

/** The fit check's bar, as `costmeter check` draws it, and each part against what the server measured. */
function fitCard(view) {
  const { fit } = view.known;
  const rows = view.names.length === 1 ? comparisons(view) : [];
  if (!fit?.per_gpu_bytes?.kv_cache_available && !rows.length) {
    return null;
  }
  const children = [make("h2", { id: "fit-title" }, "GPU memory: predicted and actual")];
  if (fit?.per_gpu_bytes?.kv_cache_available) {
    children.push(...fitBar(fit));
  }
  if (rows.length) {
    children.push(table("Predicted before the start, and actual, per GPU", ["part", "predicted", "actual", "difference"], rows));
  }
  return make("section", { class: "card fit", "aria-labelledby": "fit-title" }, ...children);
}

function fitBar(fit) {
  const use = fit.per_gpu_bytes, total = fit.gpu.memory_bytes;
  const parts = PARTS.map(([key, name, color]) => [name, Math.max(0, use[key] ?? 0), color]);
  const spare = Math.max(0, (use.kv_cache_available ?? 0) - (use.kv_cache_needed ?? 0));
  const scale = Math.max(total, parts.reduce((sum, [, bytes]) => sum + bytes, 0));
  const bar = make("div", { class: "bar", "aria-hidden": "true" });
  const keys = make("ul", { class: "legend" });
  for (const [name, bytes, color] of [...parts, ["spare KV cache", spare, "--spare"]]) {
    const piece = make("span", {});
    piece.style.width = `${(bytes / scale) * 100}%`;
    piece.style.background = `var(${color})`;
    bar.append(piece);
    keys.append(make("li", {}, colored(color), name, " ", make("b", {}, gib(bytes))));
  }
  const budget = make("i", { class: "budget" });
  budget.style.left = `${(use.budget / scale) * 100}%`;
  bar.append(budget);
  const count = fit.gpu.count > 1 ? `${fit.gpu.count} × ` : "";
  return [
    make("p", {}, make("b", { class: `verdict ${["fits", "tight", "refused"].includes(fit.verdict) ? fit.verdict : "unknown"}` }, fit.verdict), ` ${withoutVerdict(fit)}`),
    bar, keys,
    make("p", { class: "quiet" }, `${count}${fit.gpu.name} of ${gib(total)}; the mark is the budget, ${gib(use.budget)}.`),
  ];
}

function withoutVerdict(fit) {
  const start = `${fit.verdict}: `;
  return fit.message.startsWith(start) ? fit.message.slice(start.length) : fit.message;
}

function comparisons(view) {
  const names = [...new Set(view.samples("costmeter_preflight_bytes").map((each) => each.labels.part))];
  return names.map((part) => {
    const [predicted, actual] = ["predicted", "actual"].map((value) => {
      const found = view.samples("costmeter_preflight_bytes").find((each) => each.labels.part === part && each.labels.value === value);
      return found ? found.value : null;
    });
    const off = predicted !== null && actual ? (predicted - actual) / actual : null;
    return [part.replaceAll("_", " ").replace("kv", "KV"), gib(predicted), gib(actual), off === null ? UNKNOWN : `${off > 0 ? "+" : ""}${(off * 100).toFixed(1)} %`];
  });
}

/** The first `texts` columns are words, the others numbers. */
function table(title, heads, rows, texts = 1) {
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    make("table", {}, make("caption", { class: "unseen" }, title),
      make("thead", {}, make("tr", {}, ...heads.map((head, at) => make("th", { scope: "col", class: at >= texts ? "number" : null }, head)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, at) => (at ? make("td", { class: at >= texts ? "number" : null }, cell) : make("th", { scope: "row" }, cell))))))));
}

/** Adapters and tenants by cost. Names are whatever clients and people chose: text, never more. */
function tables(view) {
  const found = [];
  const shares = (title, id, metric, label, rest) => {
    const sums = new Map();
    for (const each of view.samples(metric)) {
      sums.set(each.labels[label], (sums.get(each.labels[label]) ?? 0) + each.value);
    }
    const rows = [...sums].map(([name, value]) => [name, view.retold(value, view.known.rows[0] ?? view.now, view.now)]);
    const shown = rows.sort((one, other) => other[1] - one[1]).slice(0, 12);
    if (shown.length) {
      const more = rows.length - shown.length;
      found.push(make("section", { class: "card", "aria-labelledby": id }, make("h2", { id }, title), make("p", { class: "quiet" }, `Active cost since the start${more > 0 ? `; ${more} more not shown` : ""}.${rest}`),
        table(`${title} by cost`, [label === "lora" ? "adapter" : label, "cost"], shown.map(([name, value]) => [name, usd(value)]))));
    }
  };
  shares("Adapters", "adapters-title", "costmeter_lora_cost_usd_total", "lora", " The rest is the base model’s.");
  shares("Tenants", "tenants-title", "costmeter_tenant_cost_usd_total", "tenant", "");
  return found;
}

/** The servers of a sidecar; null where there is one. */
function serverTable(view, choose) {
  if (view.names.length < 2) {
    return null;
  }
  const down = downServers(view);
  const rows = [...view.names].sort().map((server) => {
    const one = new View(view.known, server, view.range, view.trial);
    const isListed = view.isListed(server);
    const rate = isListed ? latestRates(one) : null, spent = one.usd(one.first, one.now), idle = one.usd(one.first, one.now, "idle");
    return [make("button", { type: "button", class: "link", onclick: () => choose(server) }, server), modelsOf(one).join(", ") || (isListed ? UNKNOWN : "–"),
      !isListed ? "left" : down.has(server) ? `down: ${down.get(server)}` : one.stateOf(server) ?? UNKNOWN,
      isListed ? usd(one.price) : "–", usdOrDash(one.perMillion(one.first, one.now, "all")),
      isListed ? (rate === null ? UNKNOWN : count(rate)) : "–", spent > 0 && idle !== null ? percent(idle / spent) : "–", usd(spent)];
  });
  rows.push(...[...down].filter(([server]) => !view.names.includes(server)).map(([server, reason]) => [server, "–", `down: ${reason}`, "–", "–", "–", "–", "–"]));
  const since = view.range === "hour" ? "over the last hour" : "since the start";
  return make("section", { class: "card wide", "aria-labelledby": "servers-title" }, make("h2", { id: "servers-title" }, "Servers"),
    make("p", { class: "quiet" }, `$/M (all tokens), idle share and dollars spent ${since}; tokens a second over the last minute.`),
    table("Each server’s cost", ["server", "model", "state", "$/h", "$/M", "tokens/s", "idle", "spent"], rows, 3));
}

/** By HOST:PORT, as an exporter names its servers: why they are not read. */
function downServers(view) {
  return new Map((view.metrics.costmeter_target_down_info ?? []).map(({ labels }) => {
    return [hostOf(labels.target), labels.reason.replaceAll("_", " ")];
  }));
}

/** HOST:PORT; the address itself where a browser takes it for none (a link-local IPv6 address). */
function hostOf(address) {
  try {
    const { protocol, hostname, port } = new URL(address);
    return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
  } catch {
    return address;
  }
}

const usdOrDash = (value) => (value === null ? "–" : usd(value));

const modelsOf = (view) => [...new Set(["costmeter_gpu_seconds_total", "costmeter_tokens_total"].flatMap((name) => view.samples(name)).map((each) => each.labels.model_name))].filter(Boolean);

/** One line: whose cost this is. */
function aboutLine(view) {
  const gpus = new Map();
  for (const each of view.samples("costmeter_gpu_memory_total_bytes")) {
    gpus.set(each.labels.name, (gpus.get(each.labels.name) ?? 0) + 1);
  }
  const engines = [...new Set(view.samples("costmeter_build_info").map((each) => each.labels.vllm_version))].filter(Boolean);
  const price = view.value("costmeter_price_usd_per_hour");
  const bases = view.samples("costmeter_price_info").map(({ labels }) => labels);
  const info = bases.every(({ basis, source, as_of }) => basis === bases[0].basis && source === bases[0].source && as_of === bases[0].as_of) ? bases[0] : undefined;
  const parts = [...gpus].map(([name, number]) => `${number} × ${name}`);
  const number = sumKnown(view.names.map((server) => (view.isListed(server) ? view.gpus.get(server) : null)));
  if (!parts.length && number !== null) {
    parts.push(`${number} GPU${number > 1 ? "s" : ""}`);
  }
  if (price !== null) {
    const source = info ? ` (${info.basis}, ${info.source === "catalogue" || info.source === "catalog" ? `catalogue of ${info.as_of}` : `from ${info.source}`})` : "";
    parts.push(`${usd(price)} an hour${source}`);
  }
  if (engines.length === 1) {
    parts.push(/^\d/.test(engines[0]) ? `vLLM ${engines[0]}` : engines[0]);
  } else if (engines.length) {
    parts.push(`${engines.length} engine releases`);
  }
  parts.push(`${view.metrics.costmeter_target_up ? "metered for" : "up"} ${duration(view.known.document.uptime_seconds)}`);
  return parts.join(" · ");
}

/** What makes the numbers of an exporter other than they look: servers that are not read, or not counted here. */
function warnings(view) {
  const down = [...downServers(view)].map(([server, reason]) => `${server} (${reason})`);
  const kept = new Set(view.known.columns.keys());
  const left = [...view.listed()].filter((server) => !kept.has(server)).length;
  return [
    down.length ? `Not read now: ${down.slice(0, MOST_NAMED).join(", ")}${down.length > MOST_NAMED ? ` and ${down.length - MOST_NAMED} more` : ""}.` : "",
    left ? `These numbers cover ${kept.size} of ${kept.size + left} servers; the others appear only on /metrics.` : "",
  ];
}

/** What this server does not tell, and why, in a line each. */
function missing(view) {
  const reasons = view.samples("costmeter_source_down_info").map((each) => `${each.labels.source}${each.labels.instance ? ` of ${each.labels.instance}` : ""}: ${each.labels.reason.replaceAll("_", " ")}`);
  const drawn = Math.max(...["gpu_memory_used_bytes", "gpu_power_watts"].map((group) => (view.names.length > 1 ? view.tellers(group) : view.kinds(group).length)));
  return [
    ...reasons,
    ...(drawn > GPU_COLORS.length ? [`memory and power of ${drawn - GPU_COLORS.length} more: only the first ${GPU_COLORS.length} are drawn`] : []),
  ];
}
