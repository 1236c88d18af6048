// The list of all series: grouped by sampler, searched, each with its sparkline and last value.

import { Catalogue, addressOf } from "./catalogue.js";
import { breakable, el, labelled, plain, say, write } from "./dom.js";
import { count, unitOf, valued } from "./format.js";
import { List } from "./list.js";
import { ask } from "./server.js";
import { draw, sparkline } from "./spark.js";

const POINTS = 60;

export class Series {
  #catalogue = new Catalogue();
  #found = [];
  #values = new Map(); // id: points
  #opened = new Map(); // sampler: whether its series are shown
  #asking = false;

  constructor({ root, search, found, choice }) {
    this.choice = choice;
    this.search = search;
    this.found = found;
    this.peek = el("p", { id: "peek", class: "peek" });
    this.list = new List(root, {
      label: "Series",
      columns: [
        ["Chart", "c-tick"],
        ["Name", "c-name"],
        ["Last minutes", "c-spark"],
        ["Last value", "c-value"],
        ["Unit", "c-unit"],
      ],
      key: (item) => (item.group === undefined ? item.key : `group ${item.group}`),
      tall: (item) => (item.group === undefined ? "--row" : "--group"),
      make: (item) => (item.group === undefined ? this.#row(item) : this.#group(item)),
      update: (row, item) => (item.group === undefined ? this.#update(row, item) : this.#updateGroup(row, item)),
      onActive: (item) => this.#describe(item),
      onView: () => this.#view(),
    });
    root.append(this.peek);
    root.addEventListener("pointerover", (event) => {
      const key = event.target.closest?.('[role="row"]')?.dataset.of;
      const series = this.#catalogue.byKey.get(key);
      if (series) this.#describe(series);
    });
    this.#describe(null);
    search.addEventListener("input", () => this.#search());
    search.addEventListener("keydown", (event) => event.key === "Escape" && this.#clear(event));
    document.addEventListener("keydown", (event) => this.#shortcut(event));
    choice.addEventListener("change", () => this.list.draw());
  }

  /** Show another catalogue. */
  set(catalogue) {
    this.#catalogue = catalogue;
    this.#values.clear();
    this.#items(false);
  }

  /** Read the values of the rows in view, and draw them. */
  async refresh() {
    const ids = this.list.inView.filter((item) => item.group === undefined).map((item) => item.id);
    if (!ids.length) return;
    const answer = await ask("values.json", { points: POINTS, ids: ids.join(",") });
    if (answer.catalogue !== this.#catalogue.number) return; // the next round reads the new one
    for (const id of ids) this.#values.set(id, answer.values[id]);
    for (const id of this.#values.keys()) if (!ids.includes(id)) this.#values.delete(id); // memory stays flat
    this.list.draw();
  }

  // Rows that come into view ask for their values at once, one request at a time.
  async #view() {
    const lacks = () => this.list.inView.some((item) => item.group === undefined && !this.#values.has(item.id));
    if (this.#asking || document.hidden) return;
    this.#asking = true;
    try {
      while (lacks()) {
        await this.refresh();
        await new Promise((done) => setTimeout(done, 150));
      }
    } catch {
      // the poll says that there is no answer
    } finally {
      this.#asking = false;
    }
  }

  #search() {
    this.#items(true);
    this.#view();
    const text = this.search.value.trim();
    if (text) say(`${this.#found.length} series found`);
  }

  #clear(event) {
    event.preventDefault();
    if (!this.search.value) this.search.blur();
    this.search.value = "";
    this.#items(true);
    this.#view();
    say("Search cleared");
  }

  #shortcut(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select") || this.search.offsetParent === null) return;
    event.preventDefault();
    this.search.focus();
    this.search.select();
  }

  #items(anew) {
    const searched = this.search.value.trim() !== "";
    this.#found = this.#catalogue.search(this.search.value);
    const items = [];
    let group = null;
    for (const series of this.#found) {
      if (group?.group !== series.sampler) {
        group = {
          group: series.sampler,
          size: 0,
          open: searched || (this.#opened.get(series.sampler) ?? Catalogue.opened(series)),
        };
        items.push(group);
      }
      group.size += 1;
      if (group.open) items.push(series);
    }
    this.list.set(items, anew);
    const omitted = this.#catalogue.omitted;
    const all = this.#catalogue.all.length;
    const kept = omitted ? `; ${count(omitted)} more are counted, not kept` : "";
    write(
      this.found,
      searched ? `${count(this.#found.length)} of ${count(all)}${kept}` : `${count(all)} series${kept}`,
    );
  }

  #group({ group }) {
    const button = el(
      "button",
      { type: "button", class: "fold", data: { stop: "name" } },
      el("span", { text: group }),
      el("span", { class: "dim size" }),
    );
    button.addEventListener("click", () => {
      this.#opened.set(group, button.getAttribute("aria-expanded") !== "true");
      this.#items(false);
      this.#view();
    });
    return el(
      "div",
      { role: "row", class: "row group" },
      el("span", { role: "gridcell", "aria-colspan": 5, class: "c-group" }, button),
    );
  }

  #updateGroup(row, { open, size }) {
    const button = row.querySelector("button");
    button.setAttribute("aria-expanded", open);
    write(button.querySelector(".size"), `${count(size)} series`);
  }

  #row(series) {
    const tick = el("input", {
      type: "checkbox",
      "aria-label": `Chart ${series.name} ${series.line}`,
      data: { stop: "tick" },
    });
    tick.addEventListener("change", () => {
      if (this.choice.set(series.key, tick.checked)) return;
      tick.checked = false;
      say("No more charts: remove one first");
    });
    const prefix = series.name.startsWith(`${series.sampler}.`) ? series.sampler.length + 1 : 0;
    const link = el("a", {
      href: addressOf(series),
      class: "name",
      data: { stop: "name" },
      "aria-describedby": "peek",
    });
    if (prefix) link.append(el("span", { class: "prefix" }, breakable(series.name.slice(0, prefix))));
    link.append(breakable(series.name.slice(prefix)));
    const name = el("span", { role: "gridcell", class: "c-name" }, link);
    if (series.line) name.append(" ", el("span", { class: "labels" }, breakable(series.line)));
    return el(
      "div",
      { role: "row", class: "row" },
      el("span", { role: "gridcell", class: "c-tick" }, tick),
      name,
      el("span", { role: "gridcell", class: "c-spark" }, sparkline()),
      el("span", { role: "gridcell", class: "c-value" }),
      el("span", { role: "gridcell", class: "c-unit" }),
    );
  }

  #update(row, series) {
    row.querySelector("input").checked = this.choice.has(series.key);
    const points = this.#values.get(series.id);
    if (!points) return;
    draw(row.querySelector(".spark"), points);
    const line = Array.isArray(points) ? points : points.p95;
    const [text, unit] = valued(line.at(-1), unitOf(series));
    write(row.querySelector(".c-value"), text);
    write(row.querySelector(".c-unit"), Array.isArray(points) || !unit ? unit : `${unit} p95`);
  }

  #describe(series) {
    if (!series || series.group !== undefined) {
      write(this.peek, "What a series is stands here when you point at it, or reach it with the arrow keys.");
      return;
    }
    const parts = [
      series.kind,
      series.unit && `in ${series.unit}`,
      series.scope && `of the ${series.scope}`,
      series.line && labelled(series.labels),
    ].filter(Boolean);
    this.peek.replaceChildren(
      el("strong", {}, breakable(series.name)),
      ` ${plain(series.help) || "No help was declared."} `,
      el("span", { class: "dim", text: `${parts.slice(0, 3).join(", ")}${series.line ? `; ${series.line}` : ""}` }),
    );
  }
}
