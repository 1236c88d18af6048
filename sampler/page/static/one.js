// A series' own page: its declaration, its last hour, its last values, what each backend calls it.

import { Chart } from "./chart.js";
import { pointText, ranges, summary } from "./charts.js";
import { breakable, el, say, sync, write } from "./dom.js";
import { clock, count, measured, moment, plainUnit, scales, unitOf } from "./format.js";
import { History } from "./history.js";
import { ask } from "./server.js";

const MORE = 20; // last values that are listed

export class One {
  #series = null;
  #history = new History();
  #span = 3600;
  #chart = null;

  constructor(root, choice) {
    this.root = root;
    this.choice = choice;
    choice.addEventListener("change", () => this.#button());
  }

  /** Show the page of `series`; null, with the key that was asked for, if there is none. */
  open(series, named = "") {
    this.close();
    this.#series = series;
    const back = el("p", {}, el("a", { href: "#/", text: "← All series" }));
    if (!series) {
      this.root.replaceChildren(
        back,
        el("h2", { tabindex: "-1", text: "No such series" }),
        el("p", {
          class: "note",
          text: `${named} is not among the series that the server keeps now. It may have ended, or not have begun.`,
        }),
      );
      return;
    }
    this.#chart = new Chart((at) => this.#look(at), "one");
    this.toggle = el("button", {
      type: "button",
      on: {
        click: () =>
          this.choice.set(series.key, !this.choice.has(series.key)) || say("No more charts: remove one first"),
      },
    });
    this.now = el("p", { class: "now" });
    this.total = el("p", { class: "total" });
    const range = el(
      "fieldset",
      { class: "choice" },
      el("legend", { class: "unseen", text: "Time that the chart shows" }),
    );
    ranges(range, "one-span", (seconds) => {
      this.#span = seconds;
      this.#draw();
    });
    this.declared = el("dl", { class: "declared" });
    this.called = el("tbody");
    this.last = el("tbody");
    const title = el("h2", { class: "title", tabindex: "-1" }, breakable(series.name));
    const about = el("hgroup", {}, title);
    if (series.line) about.append(el("p", { class: "labels" }, breakable(series.line)));
    about.append(el("p", { class: "help", text: series.help || "No help was declared." }));
    this.root.replaceChildren(
      back,
      el("div", { class: "head" }, about, this.toggle),
      el(
        "section",
        { class: "panel", "aria-label": "Chart" },
        el("div", { class: "panel-head" }, this.now, this.total, range),
        this.#chart.box,
      ),
      el(
        "div",
        { class: "pair" },
        el(
          "section",
          { "aria-labelledby": "h-declared" },
          el("h3", { id: "h-declared", text: "Declaration" }),
          this.declared,
        ),
        el(
          "section",
          { "aria-labelledby": "h-called" },
          el("h3", { id: "h-called", text: "What each backend calls it" }),
          el(
            "table",
            { class: "called", "aria-labelledby": "h-called" },
            el(
              "thead",
              { class: "unseen" },
              el(
                "tr",
                {},
                el("th", { scope: "col", text: "Backend" }),
                el("th", { scope: "col", text: "Name" }),
                el("td"),
              ),
            ),
            this.called,
          ),
        ),
      ),
      el(
        "section",
        { "aria-labelledby": "h-last" },
        el("h3", { id: "h-last", text: "Last values" }),
        el(
          "table",
          { class: "last", "aria-labelledby": "h-last" },
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th", { scope: "col", text: "Time" }),
              el("th", {
                scope: "col",
                class: "number",
                text: series.kind === "histogram" ? "p50 · p95 · p99" : series.kind === "counter" ? "Rate" : "Value",
              }),
            ),
          ),
          this.last,
        ),
      ),
    );
    this.#button();
  }

  close() {
    this.#chart?.close();
    this.#chart = null;
    this.#series = null;
    this.#history = new History();
    this.root.replaceChildren();
  }

  /** Read what is new, and show it. */
  async refresh(catalogue) {
    const series = this.#series;
    if (!series) return;
    const [answer] = await Promise.all([
      ask("one.json", { id: series.id }),
      this.#history.refresh([series.id], catalogue.number),
    ]);
    if (series !== this.#series) return; // the viewer has gone on
    this.#draw();
    this.#declaration(answer);
    write(this.total, totalText(answer.total, series));
    sync(
      this.called,
      Object.entries(answer.called),
      ([backend]) => backend,
      newName,
      (row, [, name]) => {
        const code = row.querySelector("code");
        if (code.dataset.name !== name) code.replaceChildren(breakable((code.dataset.name = name)));
      },
    );
    const now = answer.last.at(-1)?.[0];
    sync(
      this.last,
      answer.last.slice(-MORE).reverse(),
      ([time]) => String(time),
      () => el("tr", {}, el("td", {}), el("td", { class: "number" })),
      (row, [time, value]) => {
        write(row.children[0], moment(time, now));
        write(row.children[1], valueText(value, unitOf(series)));
      },
    );
  }

  #declaration({ declaration, series }) {
    const facts = {
      sampler: series.sampler,
      kind: series.kind,
      unit: series.unit,
      scope: series.scope,
      ...declaration,
    };
    delete facts.help;
    delete facts.name;
    if (facts.start) facts.start = moment(facts.start, 0);
    const told = Object.entries(facts).filter(
      ([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length),
    );
    sync(
      this.declared,
      told,
      ([name]) => name,
      ([name]) => el("div", {}, el("dt", { text: name.replaceAll("_", " ") }), el("dd", {})),
      (pair, [, value]) => write(pair.lastChild, typeof value === "object" ? listed(value) : value),
    );
  }

  #draw() {
    const series = this.#series;
    if (!series) return;
    this.#chart.show(
      [{ id: series.id, name: `${series.name} ${series.line}` }],
      this.#history.times,
      this.#history.values,
      unitOf(series),
      this.#span,
    );
    this.#look(null);
  }

  #look(at) {
    const { times, values } = this.#history;
    const told = summary(values.get(this.#series?.id), 0, at !== null && at < times.length ? at : null);
    if (!this.#series || !times.length) return;
    const when = clock(times[at ?? times.length - 1] ?? times.at(-1));
    write(
      this.now,
      `${told.quantiles ? pointText(told, unitOf(this.#series)) : measured(told.now, unitOf(this.#series))}${told.quantiles ? " (p50 · p95 · p99)" : ""} at ${when}`,
    );
  }

  #button() {
    if (!this.#series) return;
    const chosen = this.choice.has(this.#series.key);
    this.toggle.setAttribute("aria-pressed", chosen);
    write(this.toggle, chosen ? "Charted on the first page" : "Chart on the first page");
  }
}

const listed = (value) =>
  Array.isArray(value)
    ? value.join(", ")
    : Object.entries(value)
        .map(([name, each]) => `${name}=${each}`)
        .join(", ");

const valueText = (value, unit) =>
  Array.isArray(value) ? value.map((each) => measured(each, unit)).join(" · ") : measured(value, unit);

/** Return what a series has counted in all: `1,183 order in total`; nothing of a gauge. */
function totalText(total, series) {
  if (total === null || total === undefined) return "";
  if (typeof total === "object") {
    const sum = total.sum === null ? "" : `, sum ${measured(total.sum, plainUnit(series.unit))}`;
    return `${count(total.count)} in total${sum}`;
  }
  return `${total < 1e15 ? inFull(total, series.unit) : measured(total, series.unit)} in total`;
}

const inFull = (total, unit) =>
  scales(unit) || !Number.isInteger(total)
    ? measured(total, plainUnit(unit))
    : [count(total), plainUnit(unit)].filter(Boolean).join("\u00a0");

function newName([backend]) {
  const code = el("code", {});
  const copy = el("button", {
    type: "button",
    class: "quiet",
    text: "Copy",
    "aria-label": `Copy the name in ${backend}`,
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      say("Copied");
      write(copy, "Copied");
    } catch {
      getSelection().selectAllChildren(code); // no permission: the viewer can copy it
    }
    setTimeout(() => write(copy, "Copy"), 1500);
  });
  return el("tr", {}, el("th", { scope: "row", text: backend }), el("td", {}, code), el("td", {}, copy));
}
