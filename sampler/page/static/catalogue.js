// Every series that the server keeps, in the order of the list, and the search among them.

import { labelled } from "./dom.js";

// Whose a series is, as `rank` says: the program's own, what is counted of its requests and packages, what
// this project has built in, and the agent's own account (sampler/page/ranks.py).
const BUILT_IN = 2;
const ACCOUNT = 3;

/** What tells a series from all others, over restarts of the server; its id does not. */
export const keyOf = (name, labels) => JSON.stringify([name, Object.entries(labels ?? {}).sort()]);

/** The address of a series' page. */
export const addressOf = (series) => {
  const labels = new URLSearchParams(Object.entries(series.labels)).toString();
  return `#/series/${encodeURIComponent(series.name)}${labels ? `?${labels}` : ""}`;
};

/** Return the key of the series whose page has the address `hash`; null for another address. */
export function keyAt(hash) {
  const found = /^#\/series\/([^?]+)(?:\?(.*))?$/.exec(hash);
  if (!found) return null;
  try {
    return keyOf(decodeURIComponent(found[1]), Object.fromEntries(new URLSearchParams(found[2] ?? "")));
  } catch {
    return null; // not an address of ours
  }
}

/** The answer of `series.json`. */
export class Catalogue {
  /** @param {{catalogue: number, series: object[], omitted: number}} answer */
  constructor(answer = { catalogue: -1, series: [], omitted: 0 }) {
    this.number = answer.catalogue;
    this.omitted = answer.omitted;
    this.byKey = new Map();
    this.byId = new Map();
    const order = new Intl.Collator("en", { numeric: true }).compare;
    this.all = answer.series.map((series) => ({
      ...series,
      key: keyOf(series.name, series.labels),
      line: labelled(series.labels),
    }));
    for (const series of this.all) {
      series.haystack = `${series.name} ${series.line}`.toLowerCase();
      this.byId.set(series.id, series);
      if (!this.byKey.has(series.key)) this.byKey.set(series.key, series);
    }
    const ranks = new Map(this.all.map((series) => [series.sampler, series.rank]));
    const samplers = [...ranks.keys()].sort((a, b) => ranks.get(a) - ranks.get(b) || order(a, b));
    const places = new Map(samplers.map((sampler, place) => [sampler, place]));
    const lines = new Map(this.all.map((series) => [series, `${series.name}\u0001${series.line}`]));
    this.all.sort((a, b) => places.get(a.sampler) - places.get(b.sampler) || order(lines.get(a), lines.get(b)));
  }

  /** Return the series that hold every word of `text` in their name or labels. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length ? this.all.filter((series) => words.every((word) => series.haystack.includes(word))) : this.all;
  }

  /** Whether the list shows the series of this one's sampler before anybody asks. */
  static opened(series) {
    return series.rank < ACCOUNT;
  }

  /** Return what is charted until the viewer chooses: the application's numbers before the process's. */
  first() {
    const routed = (series) => ("http.route" in series.labels ? 0 : 1); // those of no route are mostly paths that are not there
    const take = (name, most) =>
      this.all
        .filter((series) => series.name === name)
        .sort((a, b) => routed(a) - routed(b))
        .slice(0, most);
    const own = this.all.filter((series) => series.rank < BUILT_IN && series.sampler !== "http.server");
    const busiest = [
      ...take("http.server.requests", 5),
      ...take("http.server.request.duration", 3),
      ...take("http.server.queue.duration", 1),
    ];
    const units = new Map();
    for (const series of own) {
      const same = `${series.kind} ${series.unit}`;
      if (!units.has(same)) units.set(same, []);
      if (units.get(same).length < 3) units.get(same).push(series);
    }
    const chosen = [...busiest, ...[...units.values()].slice(0, busiest.length ? 3 : 4).flat()];
    return chosen.length ? chosen : [...take("process.cpu.time", 2), ...take("process.memory.usage", 1)];
  }
}
