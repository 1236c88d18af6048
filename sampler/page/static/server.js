// What is asked of the server, when, and what is done when it does not answer.

const PATIENCE = 5000; // milliseconds until a request counts as unanswered
const SLOWEST = 4000; // milliseconds between two tries
const RAREST = 5; // seconds between two rounds, however rarely the server pulls: its clock should not stand
const VERSION = 1;

/** An answer that is an error: its text is the server's. */
export class Refusal extends Error {}

/** Ask for a path below this page: `ask("series.json")`. Raises `Refusal`, or `TypeError` without an answer. */
export async function ask(path, query = {}) {
  const words = new URLSearchParams(Object.entries(query)).toString();
  const answer = await fetch(words ? `${path}?${words}` : path, {
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.ok) return answer.json();
  throw new Refusal(reason(await answer.text()) || `${answer.status} ${answer.statusText}`);
}

// What is refused below live/ is JSON; what is refused before, for a password or a name, is plain text.
function reason(text) {
  try {
    return String(JSON.parse(text).error ?? "");
  } catch {
    return text.trim().slice(0, 200);
  }
}

/** Calls `tick` again and again: as often as the server pulls, never in a hidden tab, rarely without an answer. */
export class Poll {
  #tick;
  #show;
  #timer = 0;
  #failures = 0;
  #running = false;
  #again = false;
  #last = null;
  paused = false;
  interval = 1;

  /**
   * @param {() => Promise<object>} tick returns what `now.json` said.
   * @param {(state: string, last: number|null, why: string) => void} show
   */
  constructor(tick, show) {
    this.#tick = tick;
    this.#show = show;
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(this.#timer) : this.now()));
    window.addEventListener("online", () => this.now());
  }

  /** Ask at once. */
  async now() {
    clearTimeout(this.#timer);
    if (this.#running) this.#again = true;
    if (this.#running || document.hidden || this.paused) return;
    this.#running = true;
    try {
      const now = await this.#tick();
      this.#failures = 0;
      this.#last = now.time;
      this.interval = Math.min(Math.max(now.interval || 1, 1), RAREST);
      if (now.version === VERSION) this.#tell("live", "");
      else this.#tell("old", "The server is of another version: reload this page.");
    } catch (problem) {
      this.#failures += 1;
      if (!(problem instanceof Refusal) && !isSilence(problem)) console.error(problem);
      this.#tell("gone", problem instanceof Refusal ? problem.message : "");
    } finally {
      this.#running = false;
    }
    if (this.#again) {
      this.#again = false;
      this.now();
      return;
    }
    const pause = this.#failures ? Math.min(500 * 2 ** this.#failures, SLOWEST) : this.interval * 1000;
    if (!document.hidden && !this.paused) this.#timer = setTimeout(() => this.now(), pause);
  }

  /** Stop, or go on. */
  hold(paused) {
    this.paused = paused;
    clearTimeout(this.#timer);
    if (paused) this.#tell("paused", "");
    else this.now();
  }

  // A round that was under way when the viewer paused the page does not end the pause.
  #tell(state, why) {
    if (this.paused) this.#show("paused", this.#last, "");
    else this.#show(state, this.#last, why);
  }
}

const isSilence = (problem) =>
  problem.name === "TimeoutError" ||
  problem.name === "AbortError" ||
  (problem instanceof TypeError && /fetch|network/i.test(problem.message));
