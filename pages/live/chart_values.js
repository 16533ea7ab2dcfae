// The best and the last value of every metric, a row for each run. Joined in front of charts.js.
function showValues(root, runs, charts, series) {
  const cellsOf = (run) => charts.map(([name]) => extremes(name, series(run, "val", name), run.members?.length ?? 1));
  const rows = runs.map((run) => [run, cellsOf(run)]);
  const known = rows.filter(([, cells]) => cells.some(Boolean));
  const text = JSON.stringify([charts, known.map(([run, cells]) => [run.label, run.colour, cells])]);
  if (root.dataset.shown === text) return;
  root.dataset.shown = text;
  root.replaceChildren();
  if (!known.length) return;
  const table = root.appendChild(element("table"));
  const head = table.appendChild(element("thead")).appendChild(element("tr"));
  for (const title of ["Validation", ...charts.map(([, title]) => title)]) head.append(element("th", "", title));
  const body = table.appendChild(element("tbody"));
  for (const [run, cells] of known) {
    const row = body.appendChild(element("tr")), label = row.appendChild(element("th"));
    label.append(Object.assign(element("span", "chart-dot"), { style: `background: ${run.colour}` }), run.label);
    for (const cell of cells) {
      const place = row.appendChild(element("td", "", cell ? `best ${cell.best.toFixed(4)}` : "–"));
      if (cell) place.append(element("small", "", `epoch ${cell.at}; last ${cell.last.toFixed(4)}`));
    }
  }
  root.tabIndex = 0; // it may scroll
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Best and last values");
}

// Of a group by the epochs that all of its runs have reached, as the star.
function extremes(name, series, all) {
  const whole = series.count.map((count) => count === all), x = series.x.filter((_, place) => whole[place]);
  const y = series.y.filter((_, place) => whole[place]);
  if (!y.length) return null;
  const best = name === "loss" ? Math.min(...y) : Math.max(...y);
  return { best, at: x[y.indexOf(best)], last: y.at(-1) };
}
