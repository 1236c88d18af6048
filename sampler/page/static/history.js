// The kept points of some series: read whole once, then only what is new.

import { ask } from "./server.js";

export const QUANTILES = ["p50", "p95", "p99"];
const HOUR = 3600;

/** Return the list of points that stands for a series: a histogram's median. */
export const lineOf = (values) => (Array.isArray(values) ? values : (values?.p50 ?? []));

export class History {
  #ids = "";
  #catalogue = -1;
  times = [];
  values = new Map(); // id: points, or a histogram's {p50, p95, p99}

  /** Bring the history of `ids` up to date; true if all of it was read anew. */
  async refresh(ids, catalogue) {
    const wanted = ids.join(",");
    if (!wanted) {
      Object.assign(this, { times: [], values: new Map() });
      this.#ids = "";
      return true;
    }
    const fresh = wanted !== this.#ids || catalogue !== this.#catalogue || !this.times.length;
    const since = this.times.at(-1);
    const seconds = fresh ? HOUR : Math.min(HOUR, Math.ceil(Date.now() / 1000 - this.#asked) + 30);
    const asked = Date.now() / 1000;
    const answer = await ask("history.json", { ids: wanted, seconds });
    this.#asked = asked;
    if (fresh || answer.catalogue !== this.#catalogue || answer.times[0] > since) {
      this.#ids = wanted;
      this.#catalogue = answer.catalogue;
      this.times = answer.times;
      this.values = new Map(ids.map((id) => [id, answer.values[id] ?? answer.times.map(() => null)]));
      return true;
    }
    this.#append(answer, since);
    return false;
  }

  #asked = 0;

  #append(answer, since) {
    const from = answer.times.findIndex((time) => time > since);
    if (from < 0) return;
    const added = answer.times.slice(from);
    this.times.push(...added);
    const old = this.times.findIndex((time) => time > this.times.at(-1) - HOUR);
    this.times.splice(0, old);
    const extend = (points, more) => {
      for (let at = from; at < answer.times.length; at += 1) points.push(more?.[at] ?? null);
      points.splice(0, old);
    };
    for (const [id, values] of this.values) {
      const more = answer.values[id];
      if (Array.isArray(values)) extend(values, more);
      else for (const quantile of QUANTILES) extend(values[quantile], more?.[quantile]);
    }
  }
}
