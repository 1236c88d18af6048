// A list of which only the rows in view exist, walked by the keys of a grid.

import { el } from "./dom.js";

const SPARE = 6; // rows above and below the view
const STOPS = "a, button, input";

export class List {
  #items = [];
  #keys = [];
  #tops = [0]; // pixels above each item, and above the end
  #rows = new Map(); // place in the list: its row
  #active = 0;
  #queued = false;

  /**
   * @param {Element} root
   * @param {object} does
   *   `label` and `columns` of the grid; `key(item)`, unlike all others; `tall(item)`, the custom property that holds the
   *   row's height in rem; `make(item)` and `update(row, item)` of a row; `onActive(item)`, when the focus reaches one;
   *   `onView()`, when other rows have come into view.
   */
  constructor(root, does) {
    this.does = does;
    const heads = does.columns.map(([text, name]) => el("span", { role: "columnheader", class: name, text }));
    const head = el("div", { role: "row", class: "row heading", "aria-rowindex": "1" }, ...heads);
    this.space = el("div", { role: "rowgroup", class: "space" });
    this.body = el("div", { class: "rows", role: "presentation" }, this.space);
    this.grid = el(
      "div",
      { role: "grid", "aria-label": does.label, "aria-colcount": does.columns.length, class: "grid" },
      el("div", { role: "rowgroup" }, head),
      this.body,
    );
    root.append(this.grid);
    this.body.addEventListener("scroll", () => this.#frame(), { passive: true });
    this.space.addEventListener("focusin", (event) => this.#focused(event));
    this.space.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => {
      this.#measure(); // on a phone rows are taller
      this.#frame();
    }).observe(this.body);
  }

  /** Show `items` instead of those that it had; `anew`: from the top. */
  set(items, anew = false) {
    const was = this.#keys[this.#active];
    this.#items = items;
    this.#keys = items.map((item) => this.does.key(item));
    this.#active = anew ? 0 : Math.max(0, this.#keys.indexOf(was));
    this.#measure();
    this.grid.setAttribute("aria-rowcount", items.length + 1);
    if (anew) this.body.scrollTop = 0;
    this.draw();
  }

  /** The items whose rows exist. */
  get inView() {
    return [...this.#rows.keys()].map((place) => this.#items[place]).filter(Boolean);
  }

  /** Draw the rows in view again. */
  draw() {
    const { scrollTop, clientHeight } = this.body;
    const first = Math.max(0, this.#at(scrollTop) - SPARE);
    const last = Math.min(this.#items.length, this.#at(scrollTop + clientHeight) + 1 + SPARE);
    const wanted = new Set();
    for (let place = first; place < last; place += 1) wanted.add(place);
    if (this.#items.length && this.space.contains(document.activeElement))
      wanted.add(this.#active); // else the focus is lost
    else if (!wanted.has(this.#active)) this.#active = this.#at(scrollTop); // where Tab enters the list
    this.#keep(wanted);
    let before = null;
    for (const place of [...wanted].sort((a, b) => a - b)) {
      const item = this.#items[place];
      let row = this.#rows.get(place);
      if (!row) {
        row = this.does.make(item);
        row.dataset.of = this.#keys[place];
        this.#rows.set(place, row);
      }
      const next = before ? before.nextElementSibling : this.space.firstElementChild;
      if (row !== next) this.space.insertBefore(row, next);
      before = row;
      row.style.transform = `translateY(${this.#tops[place]}px)`;
      row.setAttribute("aria-rowindex", place + 2);
      this.does.update(row, item);
    }
    this.#stops();
  }

  #measure() {
    const style = getComputedStyle(this.grid);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const heights = new Map();
    const height = (name) => {
      if (!heights.has(name)) heights.set(name, parseFloat(style.getPropertyValue(name)) * rem);
      return heights.get(name);
    };
    this.#tops = [0];
    for (const item of this.#items) this.#tops.push(this.#tops.at(-1) + height(this.does.tall(item)));
    this.space.style.height = `${this.#tops.at(-1)}px`;
  }

  // The place of the item at so many pixels from the top.
  #at(pixels) {
    let [low, high] = [0, Math.max(0, this.#items.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= pixels) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // Rows follow their items to other places, so that a focus or a selection stays.
  #keep(wanted) {
    const byKey = new Map([...this.#rows.values()].map((row) => [row.dataset.of, row]));
    this.#rows = new Map();
    for (const place of wanted) {
      const row = byKey.get(this.#keys[place]);
      if (row) this.#rows.set(place, row);
      byKey.delete(this.#keys[place]);
    }
    for (const row of byKey.values()) row.remove();
  }

  // One row alone is reached by Tab.
  #stops() {
    for (const [place, row] of this.#rows)
      for (const stop of row.querySelectorAll(STOPS)) stop.tabIndex = place === this.#active ? 0 : -1;
  }

  #frame() {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.draw();
      this.does.onView();
    });
  }

  #focused(event) {
    const row = event.target.closest('[role="row"]');
    const place = [...this.#rows].find(([, each]) => each === row)?.[0];
    if (place === undefined) return;
    this.#active = place;
    this.#stops();
    this.does.onActive(this.#items[place]);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.body.clientHeight / (this.#tops.at(-1) / this.#items.length)) - 1);
    const last = this.#items.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (side) {
      const stops = [...event.target.closest('[role="row"]').querySelectorAll(STOPS)];
      stops[stops.indexOf(event.target) + side]?.focus();
    } else if (event.key in steps) {
      this.#go(Math.min(Math.max(this.#active + steps[event.key], 0), last), event.target.dataset.stop);
    } else return;
    event.preventDefault();
  }

  #go(place, stop) {
    const [top, bottom] = [this.#tops[place], this.#tops[place + 1]];
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    else if (bottom > this.body.scrollTop + this.body.clientHeight)
      this.body.scrollTop = bottom - this.body.clientHeight;
    this.#active = place;
    this.draw();
    const row = this.#rows.get(place);
    (row.querySelector(`[data-stop="${stop}"]`) ?? row.querySelector("a, button")).focus({ preventScroll: true });
  }
}
