// What is now: who answers, what is wrong, how the web application does.

import { el, say, sync, write } from "./dom.js";
import { clock, measured, moment, number, span, trimmed, valued, zoned } from "./format.js";

const id = (name) => document.getElementById(name);
const TEXTS = { live: "live", paused: "paused", old: "reload this page" };

/** Show whether the server answers. */
export function showState(state, last, why) {
  const node = id("state");
  const text = TEXTS[state] ?? (last === null ? "no answer yet" : `no answer since ${clock(last)}`);
  if (node.dataset.state !== state && (state !== "live" || node.dataset.state !== "wait"))
    say(state === "live" ? "The server answers again" : text);
  node.dataset.state = state;
  node.title = why;
  write(node, why ? `${text}: ${why}` : text);
  const stale = state === "gone" && last !== null;
  id("main").classList.toggle("stale", stale);
  id("stale").hidden = !stale;
  if (stale) write(id("stale"), `What follows was so at ${clock(last)}: nothing newer has come.`);
}

/** Show who answers, and the server's time. */
export function showIdentity(now) {
  const { service, host, instance, pid, role } = now.identity;
  document.title = `${now.trouble.length ? `(${now.trouble.length}) ` : ""}${service} · sampler`;
  write(id("service"), service);
  write(
    id("identity"),
    [
      host,
      instance && `instance ${instance}`,
      `pid ${pid}`,
      role !== "standalone" && role,
      `up ${span(now.uptime)}`,
      now.interval && `pulls every ${span(now.interval)}`,
    ]
      .filter(Boolean)
      .join(" · "),
  );
  write(id("clock"), zoned(now.time));
}

/** Show what is wrong, first of all. */
export function showTrouble(now) {
  const root = id("trouble");
  const { trouble } = now;
  root.dataset.count = trouble.length;
  if (!trouble.length) {
    if (!root.querySelector(".fine")?.dataset.key)
      root.replaceChildren(el("p", { class: "fine", data: { key: "fine" } }));
    write(root.firstChild, "Nothing is wrong: samplers answer, adapters deliver.");
    return;
  }
  if (!root.querySelector("ul")) root.replaceChildren(el("h2", {}), el("ul", { class: "troubles" }));
  const title = trouble.length === 1 ? "One thing is wrong" : `${trouble.length} things are wrong`;
  if (root.firstChild.textContent !== title) say(title);
  write(root.firstChild, title);
  sync(
    root.querySelector("ul"),
    trouble,
    ({ what, where }) => `${where} ${what}`,
    () => el("li", {}, el("p", { class: "what" }), el("p", { class: "where" }), el("p", { class: "remedy" })),
    (item, { what, where, remedy, since }) => {
      const [first, second, third] = item.children;
      write(first, what);
      write(
        second,
        since === null ? where : `${where} · since ${moment(since, now.time)}, for ${span(now.time - since)}`,
      );
      write(third, remedy);
      third.hidden = !remedy;
    },
  );
}

/** Show how the web application does, and what limits it; nothing without `sampler.web`. */
export function showWeb(now) {
  const { web, advice } = now;
  id("web").hidden = web === null && !advice.length;
  document.querySelector('#sections a[href="#web"]').hidden = id("web").hidden;
  id("tiles").hidden = web === null;
  if (web) sync(id("tiles"), tilesOf(web), ({ name }) => name, newTile, fillTile);
  sync(
    id("advice"),
    advice,
    ({ cause, says }) => `${cause} ${says}`,
    () => el("li", {}, el("strong", {}), el("span", {}), el("p", {})),
    (item, { cause, confidence, says }) => {
      write(item.children[0], sentence(cause));
      write(item.children[1], confidence);
      item.children[1].hidden = !confidence;
      write(item.children[2], sentence(says));
    },
  );
  id("advice").hidden = !advice.length;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const seconds = (value) => (value === null || value === undefined ? ["–", ""] : valued(value, "s"));
const known = (value) => value !== null && value !== undefined;

const tilesOf = (web) => [
  known(web.utilization)
    ? {
        name: "Utilisation",
        big: [trimmed(Math.round(web.utilization * 1000) / 10), "%"],
        share: web.utilization,
        rest: "of what the servers can do at once",
      }
    : {
        name: "Busy",
        big: known(web.busy) ? [trimmed(web.busy), "at once"] : ["–", ""],
        rest: "requests; no limit is known",
      },
  {
    name: "Queue time, p95",
    big: seconds(web.queue_time?.p95),
    rest: `median ${measured(web.queue_time?.p50, "s") || "–"}`,
  },
  {
    name: "Latency, median",
    big: seconds(web.duration?.p50),
    rest: `p95 ${measured(web.duration?.p95, "s")} · p99 ${measured(web.duration?.p99, "s")}`,
  },
  {
    name: "Requests",
    big: known(web.requests_per_second) ? [trimmed(web.requests_per_second), "/s"] : ["–", ""],
    rest: `${number(web.active)} in progress`,
  },
  {
    name: "Errors",
    big: known(web.errors_per_second) ? [trimmed(web.errors_per_second), "/s"] : ["–", ""],
    rest: share(web),
    bad: web.errors_per_second > 0,
  },
];

const share = (web) =>
  web.requests_per_second > 0 && known(web.errors_per_second)
    ? `${number(Math.round((web.errors_per_second / web.requests_per_second) * 1000) / 10)} % of requests`
    : "answers 5xx";

const newTile = () =>
  el(
    "div",
    { class: "tile" },
    el("dt", {}),
    el("dd", { class: "big" }, el("span", {}), el("span", { class: "unit" })),
    el("dd", { class: "meter", "aria-hidden": "true" }, el("i", {})),
    el("dd", { class: "dim" }),
  );

function fillTile(tile, { name, big, rest, share: part, bad }) {
  const [dt, dd, meter, dim] = tile.children;
  write(dt, name);
  write(dd.children[0], big[0]);
  write(dd.children[1], big[1]);
  write(dim, rest);
  tile.classList.toggle("bad", Boolean(bad));
  meter.hidden = part === undefined || part === null;
  if (!meter.hidden) {
    meter.firstChild.style.width = `${Math.min(100, Math.max(0, part * 100)).toFixed(1)}%`;
    meter.dataset.level = part > 0.9 ? "high" : part > 0.7 ? "raised" : "fine";
  }
}
