// A sparkline: the points of one series as an SVG path, a gap where nothing was there.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;
const EDGE = 2;

/** Make an empty sparkline. */
export function sparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  for (const part of ["area", "line"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", part);
    svg.append(path);
  }
  return svg;
}

/** Draw `points`, the newest at the right; a histogram as its median, with a band to its 95th percentile. */
export function draw(svg, points) {
  const [area, line] = svg.children;
  const below = Array.isArray(points) ? points : points.p50;
  const above = Array.isArray(points) ? null : points.p95;
  const seen = [...below, ...(above ?? [])].filter((value) => value !== null);
  const low = Math.min(0, ...seen);
  const least = above || seen.length < 2 || low < 0 ? low : floor(seen);
  const high = Math.max(...seen, least);
  const y = (value) =>
    (high === least
      ? HEIGHT - EDGE - 1
      : HEIGHT - EDGE - ((value - least) / (high - least)) * (HEIGHT - 2 * EDGE)
    ).toFixed(1);
  const step = WIDTH / Math.max(below.length - 1, 1);
  const runs = gapless(below);
  line.setAttribute(
    "d",
    runs
      .map(
        (run) =>
          `M${run.map(([at, value]) => `${(at * step).toFixed(1)} ${y(value)}`).join("L")}${run.length === 1 ? "h1" : ""}`,
      )
      .join(""),
  );
  area.setAttribute(
    "d",
    runs
      .filter((run) => run.length > 1)
      .map(
        (run) =>
          `M${run.map(([at, value]) => `${(at * step).toFixed(1)} ${y(value)}`).join("L")}${upper(run, above, step, y)}z`,
      )
      .join(""),
  );
}

const upper = (run, above, step, y) => {
  if (!above) return `V${HEIGHT}H${(run[0][0] * step).toFixed(1)}`;
  return [...run]
    .reverse()
    .map(([at, value]) => `L${(at * step).toFixed(1)} ${y(above[at] ?? value)}`)
    .join("");
};

// From zero, but where all values are far from it and close together: memory would be a flat line.
const floor = (seen) => {
  const least = Math.min(...seen);
  const most = Math.max(...seen);
  return least > 0 && most - least < least / 2 && most > least ? least - (most - least) : 0;
};

function gapless(points) {
  const runs = [];
  let run = null;
  points.forEach((value, at) => {
    if (value === null || value === undefined) run = null;
    else if (run) run.push([at, value]);
    else runs.push((run = [[at, value]]));
  });
  return runs;
}
