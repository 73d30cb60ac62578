"use strict";
// Draws the plots from the page's own data in the colours of the page's theme, and hands out tables as CSV.
// Scripts of single pages use window.octcluster: read(id), draw(id, build, options of Plotly), redraw(id),
// download(name, header, rows), colour(name).
// build(colour) returns {data, layout}; colour("cluster-0") is the theme's colour of that name. In plain data a colour
// is its name with "@" before it.
window.octcluster = (() => {
  const read = (id) => JSON.parse(document.getElementById(id + "-data").textContent);
  const colours = read("colours");
  const tables = read("tables");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const builders = new Map();
  const config = {
    responsive: true,
    displaylogo: false,
    // Plotly has a button that uploads the chart to its makers' servers: neither the button nor an address may be there.
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };
  const paperWidth = 680; // what A4 and Letter leave between margins of 15 mm
  let printing = false;

  const colour = (name) => colours[dark.matches && !printing ? "dark" : "light"][name];

  // Puts colours in the place of their names, in values whose key speaks of a colour.
  function dye(value, isColour = false) {
    if (typeof value === "string") return isColour && value.startsWith("@") ? colour(value.slice(1)) : value;
    if (Array.isArray(value)) return value.map((each) => dye(each, isColour));
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, dye(each, isColour || /colou?r/i.test(key))]),
    );
  }

  function theme(layout) {
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
    return {
      margin: { t: 24, r: 10, b: layout.showlegend === false ? 45 : 80, l: 50 },
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", traceorder: "normal" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("ink") },
      hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("ink") } },
      ...layout,
      // Else a browser shrinks the whole page until the plots that the screen had fit its paper.
      width: printing ? paperWidth : undefined,
      font: { family: "system-ui, sans-serif", size: 13, color: colour("ink") },
      paper_bgcolor: colour("ground"), // not see-through: pictures that are saved keep it
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
      shapes: (layout.shapes || []).map((shape) => ({ ...shape, line: { color: colour("ink"), ...shape.line } })),
    };
  }

  function redraw(id) {
    const [build, options] = builders.get(id);
    const { data, layout } = build(colour);
    Plotly.react(id, data, theme(layout), { ...config, ...options }).then(() => nameForReaders(id));
  }

  // To a screen reader a plot is one picture with a name and a description, and a bar of buttons: not its lines and marks.
  function nameForReaders(id) {
    const plot = document.getElementById(id);
    const [picture, ...others] = plot.querySelectorAll(".main-svg");
    picture.setAttribute("role", "img");
    for (const name of ["aria-label", "aria-describedby"]) picture.setAttribute(name, plot.getAttribute(name));
    const measuring = document.querySelectorAll("#js-plotly-tester");
    for (const each of [...picture.children, ...others, ...plot.querySelectorAll(".modebar svg"), ...measuring]) each.setAttribute("aria-hidden", "true");
    plot.querySelector(".modebar").setAttribute("aria-label", `Tools: ${plot.getAttribute("aria-label")}`);
  }

  function redrawAll() {
    for (const id of builders.keys()) redraw(id);
  }

  function draw(id, build, options = {}) {
    builders.set(id, [build, options]);
    redraw(id);
  }

  function download(name, header, rows) {
    const quote = (cell) => {
      let text = cell === null || cell === undefined ? "" : String(cell);
      // A cell of text that a spreadsheet would compute gets a quote, as in the CSV files.
      if (typeof cell === "string" && /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text)) text = `'${text}`;
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [header, ...rows].map((row) => Array.from(row, quote).join(",") + "\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // A click on a heading sorts a table by that column, the largest first; another one the other way. What is missing
  // comes last in both.
  function makeSortable(table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (element, index) => ({ element, values: tables[table.dataset.sortable].rows[index] }));
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") !== "descending";
        for (const each of headings) each.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const known = (row) => row.values[column] !== null && row.values[column] !== undefined;
        const compare = (one, other) => {
          if (!known(one) || !known(other)) return known(other) - known(one);
          const [a, b] = [one.values[column], other.values[column]];
          const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
          return down ? -order : order;
        };
        body.append(...[...rows].sort(compare).map((row) => row.element));
      });
    });
  }

  document.querySelectorAll("[data-sortable]").forEach(makeSortable);
  for (const button of document.querySelectorAll("[data-csv]")) {
    const name = button.dataset.csv;
    if (tables[name]) button.addEventListener("click", () => download(name, tables[name].header, tables[name].rows));
  }
  dark.addEventListener("change", redrawAll);
  for (const [event, state] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      printing = state;
      redrawAll();
    });
  }
  // Plots that a script of the page draws itself are not drawn twice.
  document.addEventListener("DOMContentLoaded", () => {
    for (const [id, plot] of Object.entries(read("plots"))) {
      if (plot.data.length && !builders.has(id)) draw(id, () => dye(plot));
    }
  });
  return { read, draw, redraw, download, dye, colour };
})();
