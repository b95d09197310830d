// Numbers as people read them. What is not known is the word for it, never a zero.
"use strict";

const UNKNOWN = "unknown";
const GIB = 2 ** 30;

function digits(value, most = 3) {
  const size = Math.abs(value);
  if (size === 0) {
    return "0";
  }
  if (size >= 1000) {
    return Math.round(value).toLocaleString("en-US");
  }
  const places = Math.max(0, Math.min(12, most - 1 - Math.floor(Math.log10(size))));
  const text = value.toFixed(places);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function usd(value) {
  if (value === null) {
    return UNKNOWN;
  }
  const size = Math.abs(value);
  if (size === 0 || size >= 1000) {
    return `$${digits(value)}`;
  }
  return `$${value.toFixed(size >= 0.995 ? 2 : Math.min(12, 2 - Math.floor(Math.log10(size))))}`;
}

/** The same for the steps of an axis. */
const usdStep = (value) => `$${digits(value, 4)}`;

function count(value) {
  if (value === null) {
    return UNKNOWN;
  }
  for (const [least, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e4, "k"]]) {
    if (Math.abs(value) >= least) {
      return `${digits(value / (unit === "k" ? 1e3 : least))}${unit}`;
    }
  }
  return digits(value);
}

function joules(value) {
  if (value === null) {
    return UNKNOWN;
  }
  return value > 0 && value < 1 ? `${digits(value * 1e3)} mJ` : `${digits(value)} J`;
}

const watts = (value) => (value === null ? UNKNOWN : `${digits(value)} W`);
const percent = (value) => (value === null ? UNKNOWN : `${digits(value * 100)} %`);
const gib = (value) => {
  if (value === null) {
    return UNKNOWN;
  }
  return value > 0 && value < 0.1 * GIB ? `${digits(value / 2 ** 20)} MiB` : `${(value / GIB).toFixed(2)} GiB`;
};

function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, parts.findIndex(([each]) => seconds >= each));
  const [size, unit] = seconds < 1 ? [1, "s"] : parts[at];
  const whole = Math.floor(seconds / size);
  const [next, nextUnit] = parts[at + 1] ?? [];
  const rest = next && (at < 2 || whole < 10) ? Math.floor((seconds % size) / next) : 0;
  return `${whole} ${unit}${rest ? ` ${rest} ${nextUnit}` : ""}`;
}

/** Dollars an hour as people write them: 0.75, $0.75, 0,75, 1,234.50; null where that is no price. */
function priceIn(text) {
  const plain = text.trim().replace(/^\$\s*/, "").replace(/\s*\/\s*h$/, "");
  const isGrouped = /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain) && !plain.startsWith("0");
  const number = isGrouped ? plain.replaceAll(",", "") : plain.replace(",", ".");
  return /^(\d+\.?\d*|\.\d+)$/.test(number) && Number(number) > 0 && Number(number) < 1e6 ? Number(number) : null;
}

const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockWithSeconds = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = (unix) => new Date(unix * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
