// Adapters with their account, samplers with their health, the processes of a relay.

import { breakable, el, sync, write } from "./dom.js";
import { count, measured, moment, span } from "./format.js";

/** A table whose rows follow what the server says; on a phone each row is a block with the columns' names. */
class Table {
  #columns;
  #key;

  /**
   * @param {Element} root
   * @param {string} label
   * @param {{name: string, class?: string, show: (cell: Element, item: object, now: object) => void}[]} columns
   * @param {(item) => string} key
   */
  constructor(root, label, columns, key) {
    this.#columns = columns;
    this.#key = key;
    this.body = el("tbody", { role: "rowgroup" });
    const head = el(
      "tr",
      { role: "row" },
      ...columns.map((each) => el("th", { role: "columnheader", scope: "col", class: each.class, text: each.name })),
    );
    root.append(
      el(
        "table",
        { role: "table", class: "facts", "aria-label": label },
        el("thead", { role: "rowgroup" }, head),
        this.body,
      ),
    );
  }

  show(items, now) {
    sync(
      this.body,
      items,
      this.#key,
      () =>
        el(
          "tr",
          { role: "row" },
          ...this.#columns.map((each, place) =>
            el(
              place ? "td" : "th",
              {
                role: place ? "cell" : "rowheader",
                scope: place ? null : "row",
                class: each.class,
                data: { name: each.name },
              },
              el("span", {}),
            ),
          ),
        ),
      (row, item) => this.#columns.forEach((each, place) => each.show(row.children[place].firstChild, item, now)),
    );
  }
}

const text = (name, of, more = {}) => ({ name, show: (cell, item, now) => write(cell, of(item, now)), ...more });
const figure = (name, of) => text(name, (item) => count(of(item)), { class: "number" });

// A state with its look; the words say all that the colour does.
const stated = (name, of) => ({
  name,
  class: "state",
  show: (cell, item, now) => {
    const [look, words] = of(item, now);
    cell.dataset.look = look;
    write(cell, words);
  },
});

const reasons = (counts) => Object.entries(counts ?? {}).filter(([, n]) => n);
const total = (counts) => reasons(counts).reduce((sum, [, n]) => sum + n, 0);

const counted = (name, of) => ({
  name,
  class: "number",
  show: (cell, item) => {
    const why = reasons(of(item))
      .map(([reason, n]) => `${reason} ${count(n)}`)
      .join(", ");
    cell.dataset.look = why ? "bad" : "";
    write(cell, why ? `${count(total(of(item)))} (${why})` : "0");
  },
});

const named = (name, first, second) => ({
  name,
  class: "named",
  show: (cell, item) => {
    const words = `${first(item)}\n${second(item)}`;
    if (cell.dataset.words === words) return;
    cell.dataset.words = words;
    cell.replaceChildren(breakable(first(item)), el("small", {}, breakable(second(item))));
  },
});

function adapterState(adapter, now) {
  const { last_error: error, last_error_time: failed, last_delivery_time: delivered } = adapter;
  const since = delivered === null ? "" : `, last delivery ${moment(delivered, now.time)}`;
  if (error !== null && (delivered === null || failed === null || failed >= delivered))
    return ["bad", `${error} (${moment(failed, now.time)}${since})`];
  // Of what is scraped nobody keeps when.
  if (delivered === null && adapter.delivered > 0) return ["fine", "delivers"];
  if (delivered === null) return ["wait", adapter.kind === "prometheus" ? "not scraped yet" : "nothing delivered yet"];
  const was = error === null ? "" : `; last error ${moment(failed, now.time)}: ${error}`;
  return [error === null ? "fine" : "was", `delivers, last at ${moment(delivered, now.time)}${was}`];
}

function lawState({ collected, recovered, delivered, unconfirmed, dropped, queued }) {
  const missing = collected + recovered - delivered - unconfirmed - total(dropped) - queued;
  return missing === 0
    ? ["fine", "every entry"]
    : ["bad", `${count(Math.abs(missing))} ${missing > 0 ? "missing" : "too many"}`];
}

function samplerState({ paused, paused_for: left, failing, last_failure: failure, failures, duration }) {
  const why = failure ? `: ${failure}` : "";
  if (paused) return ["bad", `paused${left === null ? "" : ` for ${span(left)}`}${why}`];
  if (failing) return ["bad", `fails${why}`];
  if (failures && duration === null) return ["bad", `has not answered${why}`];
  return failures ? ["was", `answers; failed before${why}`] : ["fine", "answers"];
}

const LOOKS = { reports: "fine", silent: "bad" };

export class Tables {
  constructor() {
    const at = (name) => document.querySelector(`#${name} .table`);
    this.adapters = new Table(
      at("adapters"),
      "Adapters",
      [
        named(
          "Adapter",
          (item) => item.name,
          (item) => (item.kind === item.name ? item.endpoint : `${item.kind} ${item.endpoint}`),
        ),
        stated("State", adapterState),
        {
          name: "Collected",
          class: "number",
          show: (cell, item) =>
            write(
              cell,
              item.recovered ? `${count(item.collected)} + ${count(item.recovered)} recovered` : count(item.collected),
            ),
        },
        figure("Delivered", (item) => item.delivered),
        figure("Unconfirmed", (item) => item.unconfirmed),
        counted("Dropped", (item) => item.dropped),
        figure("Queued", (item) => item.queued),
        stated("Accounted for", lawState),
      ],
      (item) => item.name,
    );
    this.samplers = new Table(
      at("samplers"),
      "Samplers",
      [
        named(
          "Sampler",
          (item) => item.name,
          () => "",
        ),
        stated("State", samplerState),
        figure("Series", (item) => item.series),
        text("Last pull", (item) => (item.duration === null ? "–" : measured(item.duration, "s")), { class: "number" }),
        figure("Yielded", (item) => item.yielded),
        counted("Refused", (item) => item.refused),
        {
          name: "Failures",
          class: "number",
          show: (cell, item) => {
            cell.dataset.look = item.failures ? "bad" : "";
            write(cell, count(item.failures));
          },
        },
      ],
      (item) => item.name,
    );
    this.processes = new Table(
      at("processes"),
      "Processes",
      [
        text("Instance", (item) => item.instance),
        stated("State", (item) => [LOOKS[item.state] ?? "wait", item.state]),
        text("Role", (item) => item.role),
        text("Pid", (item) => String(item.pid), { class: "number" }),
        text("Started", (item, now) => moment(item.start, now.time), { class: "number" }),
        text("Last report", (item, now) => moment(item.last_report, now.time), { class: "number" }),
      ],
      (item) => `${item.instance} ${item.pid} ${item.start}`,
    );
  }

  show(now) {
    for (const name of ["adapters", "samplers", "processes"]) {
      this[name].show(now[name], now);
      write(document.getElementById(`count-${name}`), count(now[name].length));
    }
    write(document.getElementById("count-series"), count(now.series_count));
  }
}
