// Numbers, units and times as people read them. Units are UCUM's, as a sampler declares them.

import { plain } from "./dom.js";

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SI = [
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
];
const BYTES = [
  [2 ** 50, "PiB"],
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [1024, "KiB"],
  [0, "B"],
];
const TIMES = [
  [172800, 86400, "d"],
  [7200, 3600, "h"],
  [120, 60, "min"],
  [1, 1, "s"],
  [1e-3, 1e-3, "ms"],
  [1e-6, 1e-6, "µs"],
  [0, 1e-9, "ns"],
];
const DASH = "–";

let offset = 0; // minutes from UTC to the server's time
let zone = "";

/** Take the server's zone: `+01:00`. All times of the page are in it. */
export function setZone(text) {
  const found = /^([+-])(\d\d):(\d\d)$/.exec(text ?? "");
  offset = found ? (found[1] === "-" ? -1 : 1) * (60 * +found[2] + +found[3]) : 0;
  zone = found ? text : "+00:00";
}

const iso = (epoch) => {
  const at = new Date((epoch + offset * 60) * 1000);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
};

/** Return the time of day of the server: `14:03:21`. */
export const clock = (epoch) => iso(epoch).slice(11, 19) || DASH;

/** Return hours and minutes: `14:03`. */
export const shortClock = (epoch) => iso(epoch).slice(11, 16) || DASH;

/** Return the server's time with its zone: `14:03:21 +01:00`. */
export const zoned = (epoch) => `${clock(epoch)} ${zone}`;

/** Return a time of today as `14:03:21`, another with its day: `2026-11-26 14:03:21`. */
export function moment(epoch, now) {
  if (epoch === null || epoch === undefined) return DASH;
  const text = iso(epoch);
  return text.slice(0, 10) === iso(now).slice(0, 10) ? text.slice(11, 19) : text.slice(0, 19).replace("T", " ");
}

/** Return how long something lasts in its two largest units: `3 h 12 min`. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([n], i) => n || !i)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

/** Return a number with at most four digits that count, thousands apart: `12,345`, `1.204 M`, `0.0312`. */
export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  for (const [least, letter] of SI)
    if (size >= least)
      return `${(value / least).toFixed(size < 10 * least ? 3 : size < 100 * least ? 2 : 1)} ${letter}`;
  if (size >= 1000 || Number.isInteger(value)) return GROUPED.format(value);
  if (size >= 100) return value.toFixed(1);
  if (size >= 10) return value.toFixed(2);
  if (size >= 1) return value.toFixed(3);
  return size < 1e-4 ? value.toExponential(2) : value.toFixed(4).replace(/0+$/, "");
}

/** Return an account's count in full: `23,320`. */
export const count = (value) => (Number.isFinite(value) ? GROUPED.format(value) : DASH);

/** Return the unit in which a series' values stand: a counter's are rates. */
export function unitOf(series) {
  const unit = plainUnit(series.unit);
  return series.kind === "counter" ? `${unit || "1"}/s` : unit;
}

const LONGEST = 24; // characters of a unit: a table's column is no wider

/** Return a unit without its braces, and none for plain numbers. */
export function plainUnit(unit) {
  if (unit === "1" || !unit) return "";
  const bare = plain(unit.replace(/^\{(.*)\}$/, "$1"));
  return bare.length > LONGEST ? `${bare.slice(0, LONGEST - 1)}…` : bare;
}

/** Return what multiplies values of `unit` for numbers near `size`, and the unit that they then have. */
export function scale(size, unit) {
  const per = unit.startsWith("By/") ? unit.slice(2) : "";
  if (unit === "By" || per) {
    const [least, name] = BYTES.find(([each]) => size >= each) ?? BYTES.at(-1);
    return { factor: 1 / (least || 1), unit: name + per };
  }
  if (unit === "s" && size) {
    const [, one, name] = TIMES.find(([least]) => size >= least * 0.9995) ?? TIMES.at(-1);
    return { factor: 1 / one, unit: name };
  }
  return { factor: 1, unit: unit === "1/s" ? "/s" : unit };
}

/** Return `[number, unit]` of one value. */
export function valued(value, unit) {
  if (typeof value !== "number" || !Number.isFinite(value)) return [DASH, ""];
  if (unit === "s" && value > 1e9 && value < 1e11) return [iso(value).slice(0, 16).replace("T", " "), ""]; // a time of day
  const by = scale(Math.abs(value), unit);
  const scaled = value * by.factor;
  return [by.factor === 1 ? number(scaled) : trimmed(scaled), by.unit];
}

/** Return a number with three digits that count. */
export const trimmed = (value) =>
  Number.isInteger(value)
    ? number(value)
    : Math.abs(value) >= 100
      ? value.toFixed(0)
      : Math.abs(value) >= 10
        ? value.toFixed(1)
        : value.toFixed(2);

/** Whether numbers of a unit are shown in smaller and larger ones of it, as seconds and bytes are. */
export const scales = (unit) => unit === "s" || unit === "By" || unit.startsWith("By/");

/** Return one value where its unit stands beside, which it need not say unless it scales. */
export const brief = (value, unit) => (scales(unit) ? measured(value, unit) : valued(value, unit)[0]);

/** Return one value with its unit, in one string. */
export const measured = (value, unit) => valued(value, unit).filter(Boolean).join("\u00a0"); // which no line breaks
