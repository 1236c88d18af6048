// The charts that the viewer has chosen: a panel for each unit, with a table of its numbers. Histograms have panels of
// their own: how long a request takes and how old a process is are both seconds, and no axis suits both.

import { addressOf } from "./catalogue.js";
import { Chart, hueOf } from "./chart.js";
import { breakable, el, labelled, say, sync, write } from "./dom.js";
import { brief, clock, unitOf } from "./format.js";
import { History, QUANTILES, lineOf } from "./history.js";

const TITLES = { "": "Numbers", s: "Times", By: "Bytes", "By/s": "Bytes per second", "s/s": "Seconds per second" };
const TITLES_OF_HISTOGRAMS = { "": "Distributions", s: "Durations", By: "Sizes" };
const SPANS = [
  [300, "5 min"],
  [900, "15 min"],
  [3600, "1 h"],
];

/** A choice of how much time is shown; calls `onChange` with seconds. */
export function ranges(fieldset, name, onChange) {
  for (const [seconds, text] of SPANS) {
    const input = el("input", { type: "radio", name, value: seconds, on: { change: () => onChange(seconds) } });
    input.checked = seconds === 3600;
    fieldset.append(el("label", {}, input, el("span", { text })));
  }
}

/** Return what a table says of points: now or at the cursor, least and most of those shown. */
export function summary(points, from, at) {
  const line = lineOf(points);
  const shown = (Array.isArray(points) || !points ? line : points.p99.concat(line)).filter(
    (value, place) => value !== null && place % line.length >= from,
  );
  const place = at ?? line.length - 1;
  return {
    now: line[place] ?? null,
    quantiles: Array.isArray(points) || !points ? null : QUANTILES.map((quantile) => points[quantile][place] ?? null),
    least: shown.length ? shown.reduce((a, b) => Math.min(a, b)) : null,
    most: shown.length ? shown.reduce((a, b) => Math.max(a, b)) : null,
  };
}

/** Return a point as text: a histogram's by its quantiles. */
export const pointText = ({ now, quantiles }, unit) =>
  quantiles ? quantiles.map((value) => brief(value, unit)).join(" · ") : brief(now, unit);

export class Charts {
  #history = new History();
  #panels = new Map();
  #span = 3600;
  #lines = [];

  constructor(root, range, choice) {
    this.root = root;
    this.choice = choice;
    this.empty = el("p", { class: "note", text: "Nothing is charted. Tick a series in the list below." });
    this.reset = el("button", {
      type: "button",
      class: "quiet",
      text: "Chart what was suggested",
      on: { click: () => choice.reset() },
    });
    ranges(range, "span", (seconds) => {
      this.#span = seconds;
      this.#draw();
    });
  }

  /** Read what is new of the chosen series, and draw it. */
  async refresh(catalogue) {
    const lines = this.choice.keys.map((key) => catalogue.byKey.get(key)).filter(Boolean);
    const ids = lines.map((series) => series.id);
    await this.#history.refresh(ids, catalogue.number);
    this.#lines = lines;
    this.#draw();
  }

  #draw() {
    const groups = new Map();
    for (const series of this.#lines) {
      const key = `${series.kind === "histogram" ? "of" : "in"} ${unitOf(series)}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(series);
    }
    if (groups.size) {
      this.empty.remove();
      this.reset.remove();
    } else {
      this.root.append(this.empty);
      if (this.choice.made) this.root.append(this.reset);
    }
    const had = new Set(this.#panels.keys());
    const items = [...groups].map(([key, lines]) => ({ key, lines }));
    for (const { key, lines } of items) {
      had.delete(key);
      if (!this.#panels.has(key)) this.#panels.set(key, new Panel(lines[0], this.choice));
    }
    for (const key of had) {
      this.#panels.get(key).close();
      this.#panels.delete(key);
    }
    items.forEach(({ key, lines }, place) => {
      const panel = this.#panels.get(key);
      if (this.root.children[place] !== panel.root)
        this.root.insertBefore(panel.root, this.root.children[place] ?? null);
      panel.show(lines, this.#history, this.#span);
    });
  }
}

// Of a series' labels those that tell it from the others of its name.
function telling(series, lines) {
  const others = lines.filter(({ name, key }) => name === series.name && key !== series.key);
  const told = Object.entries(series.labels).filter(
    ([label, value]) => !others.length || others.some(({ labels }) => labels[label] !== value),
  );
  return labelled(Object.fromEntries(told));
}

class Panel {
  #lines = [];
  #history = null;
  #from = 0;
  #at = null;

  /** A panel for series like `first`: of its unit, and histograms if it is one. */
  constructor(first, choice) {
    const unit = (this.unit = unitOf(first));
    this.titles = first.kind === "histogram" ? TITLES_OF_HISTOGRAMS : TITLES;
    this.choice = choice;
    this.title = el("h3", { class: "clamp" });
    this.in = el("span", { class: "dim in" });
    this.when = el("span", { class: "dim when" });
    this.chart = new Chart((at, byKey) => this.#look(at, byKey), "charts");
    this.rows = el("tbody");
    this.heading = el("th", { scope: "col", class: "number", text: "Now" });
    const head = el(
      "tr",
      {},
      el("th", { scope: "col", text: "Series" }),
      this.heading,
      el("th", { scope: "col", class: "number wide", text: "Least" }),
      el("th", { scope: "col", class: "number wide", text: "Most" }),
      el("td"),
    );
    this.caption = el("caption", { class: "unseen" });
    this.root = el(
      "section",
      { class: "panel", "aria-label": `Charts of ${first.kind}s in ${unit || "plain numbers"}` },
      el("div", { class: "panel-head" }, this.title, this.in, this.when),
      this.chart.box,
      el("table", { class: "legend" }, this.caption, el("thead", {}, head), this.rows),
    );
  }

  close() {
    this.chart.close();
    this.root.remove();
  }

  show(lines, history, span) {
    this.#lines = lines;
    this.#history = history;
    const end = history.times.at(-1) ?? 0;
    this.#from = Math.max(
      0,
      history.times.findIndex((time) => time >= end - span),
    );
    const names = [...new Set(lines.map((series) => series.name))];
    const title = names.length === 1 ? names[0] : (this.titles[this.unit] ?? TITLES[this.unit] ?? this.unit);
    write(this.in, names.length === 1 ? this.unit : "");
    if (this.title.dataset.of !== title) this.title.replaceChildren(breakable((this.title.dataset.of = title)));
    write(this.caption, `Numbers of the chart above, ${this.unit || "without a unit"}`);
    this.chart.show(
      lines.map((series) => ({ id: series.id, name: `${series.name} ${series.line}` })),
      history.times,
      history.values,
      this.unit,
      span,
    );
    this.#table();
  }

  #look(at, byKey) {
    this.#at = at;
    this.#table();
    if (byKey && at !== null)
      say(
        `${clock(this.#history.times[at])}: ${this.#lines.map((series) => `${series.name} ${pointText(summary(this.#history.values.get(series.id), 0, at), this.unit)}`).join(", ")}`,
      );
  }

  #table() {
    const { times, values } = this.#history;
    const at = this.#at !== null && this.#at < times.length ? this.#at : null;
    write(this.when, clock(times[at ?? times.length - 1]));
    const told = this.#lines.every(({ kind }) => kind === "histogram") ? ", p50 · p95 · p99" : "";
    write(this.heading, `${at === null ? "Now" : "Then"}${told}`);
    sync(
      this.rows,
      this.#lines.map((series, place) => ({ series, place, text: telling(series, this.#lines) })),
      ({ series, text }) => `${series.key} ${text}`,
      ({ series, text }) => this.#row(series, text),
      (row, { series, place }) => {
        const told = summary(values.get(series.id), this.#from, at);
        row.querySelector(".swatch").className = `swatch ${hueOf(place)}${place >= 8 ? " dashed" : ""}`;
        const [now, least, most] = row.querySelectorAll(".number");
        write(now, pointText(told, this.unit));
        write(least, brief(told.least, this.unit));
        write(most, brief(told.most, this.unit));
      },
    );
  }

  #row(series, text) {
    const single = this.#lines.every(({ name }) => name === series.name);
    const link = el("a", { href: addressOf(series) }, breakable(single && text ? text : series.name));
    const name = el("span", { class: "clamp" }, el("i", { class: "swatch" }), link);
    if (text && !single) name.append(" ", el("span", { class: "labels" }, breakable(text)));
    if (series.kind === "histogram" && this.#lines.some(({ kind }) => kind !== "histogram"))
      name.append(" ", el("span", { class: "dim quantiles", text: "p50 · p95 · p99" }));
    const remove = el("button", {
      type: "button",
      class: "icon",
      "aria-label": `Remove ${series.name} ${series.line} from the charts`,
      text: "×",
      on: { click: () => this.choice.set(series.key, false) },
    });
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "number" }),
      el("td", { class: "number wide" }),
      el("td", { class: "number wide" }),
      el("td", {}, remove),
    );
  }
}
