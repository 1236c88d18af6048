// The series that the viewer has chosen for the charts: kept in the browser, one choice a service.

const MOST = 24;

export class Choice extends EventTarget {
  #keys = null; // null: nothing chosen yet
  #place = "";
  #defaults = [];

  /** Read what was chosen for `service`. */
  open(service) {
    if (this.#place) return;
    this.#place = `sampler.charts.${service}`;
    try {
      const kept = JSON.parse(localStorage.getItem(this.#place));
      if (Array.isArray(kept)) this.#keys = kept.filter((key) => typeof key === "string").slice(0, MOST);
    } catch {
      // storage may be forbidden, or hold what another version wrote
    }
  }

  /** Set what stands while nothing has been chosen; nobody is told, who suggests goes on to draw. */
  suggest(keys) {
    this.#defaults = keys.slice(0, MOST);
  }

  /** The keys of what the charts show. */
  get keys() {
    return this.#keys ?? this.#defaults;
  }

  /** Whether the viewer has chosen anything. */
  get made() {
    return this.#keys !== null;
  }

  has(key) {
    return this.keys.includes(key);
  }

  /** Add or remove a series; false if there are too many. */
  set(key, chosen) {
    const others = this.keys.filter((each) => each !== key);
    if (chosen && others.length >= MOST) return false;
    this.#keep(chosen ? [...others, key] : others);
    return true;
  }

  /** Go back to what stands without a choice. */
  reset() {
    this.#keep(null);
  }

  #keep(keys) {
    this.#keys = keys;
    try {
      if (keys === null) localStorage.removeItem(this.#place);
      else localStorage.setItem(this.#place, JSON.stringify(keys));
    } catch {
      // it then lasts until the page is loaded again
    }
    this.dispatchEvent(new Event("change"));
  }
}
