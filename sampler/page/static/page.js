// The page: what is shown when, and in which order the server is asked.

import { Catalogue, keyAt } from "./catalogue.js";
import { Charts } from "./charts.js";
import { Choice } from "./choice.js";
import { setZone } from "./format.js";
import { showIdentity, showState, showTrouble, showWeb } from "./now.js";
import { One } from "./one.js";
import { Series } from "./rows.js";
import { Poll, Refusal, ask } from "./server.js";
import { Tables } from "./tables.js";

const id = (name) => document.getElementById(name);
const choice = new Choice();
const tables = new Tables();
const charts = new Charts(id("panels"), id("range"), choice);
const series = new Series({ root: id("list"), search: id("search"), found: id("found"), choice });
const one = new One(id("one"), choice);
let catalogue = new Catalogue();
let process = ""; // which one answered last: ids are its own
let shown = null; // the key of the series whose page is open

async function tick() {
  const now = await ask("now.json");
  setZone(now.zone);
  showIdentity(now);
  showTrouble(now);
  showWeb(now);
  tables.show(now);
  choice.open(now.identity.service);
  const { pid, start, instance } = now.identity;
  const answering = `${instance} ${pid} ${start}`;
  if (now.catalogue !== catalogue.number || answering !== process) await reread(answering);
  try {
    await refresh();
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    await reread(answering); // a series has ended meanwhile
    await refresh();
  }
  return now;
}

const refresh = () => (shown ? one.refresh(catalogue) : Promise.all([series.refresh(), charts.refresh(catalogue)]));

async function reread(answering) {
  catalogue = new Catalogue(await ask("series.json"));
  process = answering;
  choice.suggest(catalogue.first().map((each) => each.key));
  series.set(catalogue);
  if (shown) one.open(catalogue.byKey.get(shown) ?? null, JSON.parse(shown)[0]);
}

const poll = new Poll(tick, showState);
let scrolled = 0;

function route() {
  const key = keyAt(location.hash);
  if (key === shown || (location.hash && !location.hash.startsWith("#/"))) return;
  if (!shown) scrolled = scrollY;
  shown = key;
  id("overview").hidden = key !== null;
  id("sections").hidden = key !== null;
  id("one").hidden = key === null;
  if (key === null) {
    one.close();
    scrollTo({ top: scrolled, behavior: "instant" });
  } else if (catalogue.all.length) {
    one.open(catalogue.byKey.get(key) ?? null, JSON.parse(key)[0]);
    scrollTo({ top: 0, behavior: "instant" });
    id("one").querySelector("h2").focus({ preventScroll: true });
  }
  poll.now();
}

window.addEventListener("hashchange", route);
choice.addEventListener("change", () => poll.now());
id("pause").addEventListener("click", () => {
  const paused = !poll.paused;
  id("pause").setAttribute("aria-pressed", paused);
  poll.hold(paused);
});
route();
poll.now();
