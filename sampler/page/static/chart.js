// One chart: lines of one unit over time, drawn by uPlot, with its keys and its colours.

import { el, plain } from "./dom.js";
import { clock, number, scale, scales, shortClock } from "./format.js";
import { QUANTILES, lineOf } from "./history.js";

const HUES = 8;
const HEIGHT = 190;
const MARGIN = 8; // pixels above and right of the lines
const SHORTEST = 60; // seconds that a chart shows at least

/** Return the colour of the line at `place`, as a class for what shows it beside the chart. */
export const hueOf = (place) => `hue-${place % HUES}`;

/** Resolve colours of the style sheet, as a canvas needs them. */
function colours(within) {
  const probe = el("i", { hidden: true });
  within.append(probe);
  const resolved = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    hues: Array.from({ length: HUES }, (_, place) => resolved(`hue-${place}`)),
    axis: resolved("muted"),
    grid: resolved("grid"),
  };
  probe.remove();
  return found;
}

const faint = (colour, alpha) =>
  colour.replace(/^rgb\((.*)\)$/, (_, parts) => `rgb(${parts.replaceAll(",", " ")} / ${alpha})`);

const pen = document.createElement("canvas").getContext("2d");

/** Return a label of the time axis; none where the right edge would cut it. */
function whole(plot, at, text, font) {
  pen.font = font;
  const end = plot.valToPos(at, "x") + pen.measureText(text).width / 2;
  return end <= plot.bbox.width / devicePixelRatio + MARGIN ? text : "";
}

export class Chart {
  #plot = null;
  #lines = [];
  #shape = "";
  #data = [];
  #values = new Map();
  #times = [];
  #unit = "";
  #span = 3600;
  #at = null;

  /**
   * @param {(at: number|null, byKey: boolean) => void} onCursor told at which point the viewer looks; null: at none.
   * @param {string} group charts of one group show the same time under the cursor.
   */
  constructor(onCursor, group) {
    this.onCursor = onCursor;
    this.group = group;
    this.box = el("div", { class: "plot", role: "group", tabindex: "0" });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("blur", () => this.#look(null));
    new ResizeObserver(() => this.#fit()).observe(this.box);
    this.#recolour = () => {
      this.#shape = "";
      this.#draw();
    };
    window.addEventListener("themechange", this.#recolour);
  }

  #recolour;

  /** End it: nothing of the page refers to it any more. */
  close() {
    window.removeEventListener("themechange", this.#recolour);
    this.#plot?.destroy();
    this.#plot = null;
  }

  /**
   * Show the points of `lines`.
   * @param {{id: number, name: string}[]} lines
   * @param {number[]} times epoch seconds
   * @param {Map<number, number[]|object>} values
   * @param {string} unit
   * @param {number} span how many seconds to show
   */
  show(lines, times, values, unit, span) {
    this.#lines = lines;
    this.#times = times;
    this.#values = values;
    this.#unit = unit;
    this.#span = span;
    const names = plain(
      lines
        .map((line) => line.name)
        .join(", ")
        .slice(0, 300),
    );
    this.box.setAttribute(
      "aria-label",
      `Chart of ${names}. Left and right arrows read the values at a time; they are in the table that follows.`,
    );
    this.#draw();
  }

  #draw() {
    if (!this.#lines.length || !this.box.isConnected || !this.box.clientWidth) return;
    this.#data = [this.#times];
    const shape = [];
    this.#lines.forEach(({ id }, place) => {
      const points = this.#values.get(id);
      const banded = points && !Array.isArray(points);
      shape.push(`${place}${banded ? "b" : "l"}`);
      if (banded) for (const quantile of QUANTILES) this.#data.push(points[quantile]);
      else this.#data.push(lineOf(points));
    });
    const wanted = `${shape.join()} ${this.#unit}`;
    if (wanted !== this.#shape || !this.#plot) this.#build(wanted, shape);
    else this.#plot.setData(this.#data, false);
    const end = this.#times.at(-1) ?? 0;
    const first = Math.min(this.#times[0] ?? 0, end - SHORTEST); // what has just begun fills its chart
    this.#plot.setScale("x", { min: Math.max(end - this.#span, first), max: end });
  }

  #build(wanted, shape) {
    this.#plot?.destroy();
    this.#shape = wanted;
    const { hues, axis, grid } = colours(this.box);
    const series = [{}];
    const bands = [];
    shape.forEach((each, place) => {
      const stroke = hues[place % HUES];
      const dash = place >= HUES ? [5, 3] : undefined;
      if (each.endsWith("l")) {
        series.push({ stroke, dash, width: 1.5, points: { show: false } });
        return;
      }
      const at = series.length;
      series.push({ stroke, dash, width: 1.5, points: { show: false } });
      series.push({ stroke: faint(stroke, 0.55), width: 1, points: { show: false } });
      series.push({ stroke: faint(stroke, 0.3), width: 1, points: { show: false } });
      bands.push(
        { series: [at + 1, at], fill: faint(stroke, 0.22) },
        { series: [at + 2, at + 1], fill: faint(stroke, 0.1) },
      );
    });
    const font = `11px ${getComputedStyle(this.box).fontFamily}`;
    const common = { stroke: axis, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    this.#plot = new uPlot(
      {
        width: this.box.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        padding: [MARGIN, MARGIN, 0, 0],
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false }, sync: { key: this.group } },
        scales: { x: { time: true }, y: { range: (_, low, high) => bounds(low, high) } },
        series,
        bands,
        axes: [
          {
            ...common,
            space: 70,
            size: 26,
            values: (plot, splits, _, __, step) =>
              splits.map((at) => whole(plot, at, (step < 60 ? clock : shortClock)(at), font)),
          },
          {
            ...common,
            size: 58,
            space: 34,
            values: (plot, splits) => {
              const by = scale(Math.max(...splits.map(Math.abs)), this.#unit);
              return splits.map((value) =>
                value === 0
                  ? "0"
                  : `${number(Number((value * by.factor).toPrecision(4)))}${scales(this.#unit) ? ` ${by.unit}` : ""}`,
              );
            },
          },
        ],
        hooks: { setCursor: [(plot) => this.#moved(plot.cursor.idx ?? null)] },
      },
      this.#data,
      this.box,
    );
    this.#plot.root.setAttribute("aria-hidden", "true");
  }

  #moved(at) {
    if (at === this.#at) return;
    this.#at = at;
    this.onCursor(at, document.activeElement === this.box && this.#keyed);
  }

  #keyed = false;

  #look(at) {
    if (!this.#plot) return;
    this.#keyed = at !== null;
    const left = at === null ? -10 : this.#plot.valToPos(this.#times[at], "x");
    this.#plot.setCursor({ left, top: at === null ? -10 : HEIGHT / 3 });
    this.#keyed = false;
  }

  #key(event) {
    const last = this.#times.length - 1;
    const first = Math.max(
      0,
      this.#times.findIndex((time) => time >= this.#times[last] - this.#span),
    );
    const step = event.shiftKey ? 10 : 1;
    const at = this.#at ?? last + 1;
    const to = { ArrowLeft: at - step, ArrowRight: at + step, Home: first, End: last }[event.key];
    if (event.key === "Escape") this.#look(null);
    else if (to === undefined || last < 0) return;
    else this.#look(Math.min(Math.max(to, first), last));
    event.preventDefault();
  }

  #fit() {
    const width = this.box.clientWidth;
    if (!width) return;
    if (!this.#plot) this.#draw();
    else if (Math.abs(width - this.#plot.width) >= 1) this.#plot.setSize({ width, height: HEIGHT });
  }
}

// From zero, but where all values are far from it and close together.
function bounds(low, high) {
  if (low === null || high === null || low === undefined) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : low > 0 ? [0, high * 1.25] : [low * 1.25, 0];
  const margin = (high - low) * 0.08;
  const near = low > 0 && high - low > low / 2;
  return [low >= 0 && (near || low === 0) ? 0 : low - margin, high + margin];
}
