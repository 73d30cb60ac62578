"use strict";
// The report's scatter, and what it has in common with the table of classes, the plots and the cards: a cluster, a
// class or both can be chosen anywhere, by mouse or keyboard, and what belongs to it is highlighted everywhere.
(() => {
  const page = window.octcluster;
  const points = page.read("points");
  const plots = page.read("plots");
  const arrays = { f: Float32Array, i: Int32Array, h: Int16Array };
  const unpack = ({ type, base64 }) => {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
    return new arrays[type](bytes.buffer);
  };
  const ends = (column) => column.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const views = points.views.map((each) => {
    const [x, y] = [unpack(each.x), unpack(each.y)];
    return { ...each, x, y, frame: { x: ends(x), y: ends(y) } };
  });
  const images = unpack(points.image);
  const silhouettes = unpack(points.silhouette);
  const clusters = unpack(points.cluster);
  const classes = unpack(points.class);
  const matches = new Map(points.matches);
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon"];
  const faint = 0.1;
  const listed = 200;
  const size = images.length > 2000 ? 4 : 7;
  const largest = silhouettes.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0.01);

  let colourBy = "cluster";
  let view = 0;
  let selection = { cluster: null, class: null };

  const nameOf = (row) => (points.names ? points.names[row] : `${points.unit} ${images[row]}`);
  // Adding 0 turns -0 into 0.
  const silhouetteOf = (row) => (Number.isNaN(silhouettes[row]) ? "undefined" : (Math.round(1000 * silhouettes[row]) / 1000 + 0).toFixed(3));
  const clusterOf = (row) => points.clusters[clusters[row]];
  const classOf = (row) => points.classes[classes[row]];
  // Names are escaped for Plotly; everywhere else they are plain.
  const plain = (values) => values.map((value) => new DOMParser().parseFromString(value, "text/html").body.textContent);
  const isChosen = (cluster, klass) =>
    (selection.cluster === null || selection.cluster === cluster) &&
    (selection.class === null || selection.class === klass);
  const isRowChosen = (row) => isChosen(clusterOf(row).index, classOf(row).index);
  const anythingChosen = () => selection.cluster !== null || selection.class !== null;

  // The categories that the points are coloured by, and the category of each point.
  const verdicts = [
    { name: "in the cluster of its class", colour: "class-0", symbol: "circle" },
    { name: "in another cluster", colour: "class-5", symbol: "x" },
    { name: "class unknown", colour: "neutral", symbol: "circle-open" },
  ];
  function verdictOf(row) {
    if (classOf(row).index < 0) return 2;
    return matches.get(clusterOf(row).index) === classOf(row).index ? 0 : 1;
  }
  const colourings = {
    cluster: { categories: points.clusters, of: (row) => clusters[row] },
    class: { categories: points.classes, of: (row) => classes[row] },
    agreement: { categories: verdicts, of: verdictOf },
    silhouette: { categories: [{ name: "silhouette", colour: "neutral", symbol: "circle" }], of: () => 0 },
  };

  const symbolOf = ({ symbol, index }, position) => symbol || (index < 0 ? "x" : symbols[position % symbols.length]);
  const ramp = [[179, 88, 6], [201, 201, 201], [94, 60, 153]]; // of silhouettes, from the least to the largest
  const steps = 33;
  const rampColour = (share) => {
    const [from, to] = share < 0.5 ? [ramp[0], ramp[1]] : [ramp[1], ramp[2]];
    const part = share < 0.5 ? 2 * share : 2 * share - 1;
    return `rgb(${from.map((value, place) => Math.round(value + part * (to[place] - value)))})`;
  };

  // What each point looks like: the looks there are, and which of them a row has.
  function lookup(colour) {
    const { categories, of } = colourings[colourBy];
    if (colourBy !== "silhouette") {
      const looks = categories.map((each, position) => ({ symbol: symbolOf(each, position), colour: colour(each.colour) }));
      return { looks, lookOf: of };
    }
    const looks = Array.from({ length: steps }, (_, step) => ({ symbol: "circle", colour: rampColour(step / (steps - 1)) }));
    const lookOf = (row) => Math.round((((silhouettes[row] || 0) / largest + 1) / 2) * (steps - 1));
    return { looks, lookOf };
  }

  // Plotly holds no point: a trace a category for the legend, with the number of its highlighted images in meta.
  function legendTraces(colour) {
    const { categories, of } = colourings[colourBy];
    const all = categories.map(() => 0);
    const chosen = categories.map(() => 0);
    for (let row = 0; row < images.length; row += 1) {
      all[of(row)] += 1;
      if (isRowChosen(row)) chosen[of(row)] += 1;
    }
    const bySilhouette = colourBy === "silhouette";
    const scale = {
      color: [0],
      cmin: -largest,
      cmax: largest,
      colorscale: [0, 0.5, 1].map((share) => [share, rampColour(share)]),
      colorbar: { thickness: 12, title: { text: "silhouette" } },
      showscale: true,
    };
    return categories
      .map((category, position) => ({
        type: "scatter",
        mode: "markers",
        name: category.name,
        meta: { chosen: chosen[position], images: all[position], index: category.index },
        x: [null],
        y: [null],
        opacity: chosen[position] ? 1 : 0.3,
        marker: bySilhouette ? scale : { size: 9, symbol: symbolOf(category, position), color: colour(category.colour) },
      }))
      .filter(({ meta }) => meta.images > 0);
  }

  function buildScatter(colour) {
    const { axes: [across, up], frame } = views[view];
    // Two points that nobody sees, so that the axes hold all points.
    const bounds = { type: "scatter", mode: "markers", ...frame, marker: { size: 12, opacity: 0 }, showlegend: false, meta: null };
    return {
      data: [...legendTraces(colour), bounds],
      layout: {
        xaxis: { title: { text: across }, zeroline: false },
        yaxis: { title: { text: up }, zeroline: false },
        hovermode: false,
        uirevision: view,
        showlegend: colourBy !== "silhouette",
        legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", traceorder: "normal", itemsizing: "constant" },
      },
    };
  }

  function buildSilhouettes() {
    const plot = page.dye(plots.silhouettes);
    plot.data = plot.data.map((trace) => ({ ...trace, opacity: isChosen(trace.meta, selection.class) ? 1 : faint }));
    return plot;
  }

  function buildSizes() {
    const plot = page.dye(plots.sizes);
    const clusterByName = new Map(points.clusters.map(({ name, index }) => [name, index]));
    const classByName = new Map(points.classes.map(({ name, index }) => [name, index]));
    plot.data = plot.data.map((trace) => {
      const klass = classByName.has(trace.name) ? classByName.get(trace.name) : selection.class;
      const opacity = trace.x.map((name) => (isChosen(clusterByName.get(name), klass) ? 1 : 0.2));
      return { ...trace, marker: { ...trace.marker, opacity } };
    });
    return plot;
  }

  const linked = { scatter: buildScatter };
  const scatter = document.getElementById("scatter");
  const layer = window.octclusterLayPoints(
    scatter, document.getElementById("scatter-points"), document.getElementById("scatter-tip"), {
      read: () => ({ ...views[view], ...lookup(page.colour), isFaint: (row) => !isRowChosen(row), faint, size }),
      tell: (row) => [nameOf(row), ...plain([clusterOf(row).name, `class ${classOf(row).name}`]), `silhouette ${silhouetteOf(row)}`],
      choose: (row) => choose({ cluster: clusterOf(row).index, class: null }),
    },
  );
  if (plots.silhouettes) linked.silhouettes = buildSilhouettes;
  if (plots.sizes) linked.sizes = buildSizes;

  // What can be chosen, and what shows that it is.
  const number = (text) => (text === undefined ? null : Number(text));
  const choosers = [...document.querySelectorAll("[data-select-cluster], [data-select-class]")];
  const meaning = (chooser) => ({ cluster: number(chooser.dataset.selectCluster), class: number(chooser.dataset.selectClass) });
  const same = (one, other) => one.cluster === other.cluster && one.class === other.class;
  const panel = document.getElementById("selection");
  const list = document.getElementById("selected");
  const listButton = panel.querySelector('[data-selection="list"]');

  function choose(wanted) {
    selection = same(wanted, selection) ? { cluster: null, class: null } : wanted;
    for (const chooser of choosers) {
      chooser.setAttribute("aria-pressed", String(anythingChosen() && same(meaning(chooser), selection)));
    }
    document.body.classList.toggle("chosen-by-reader", selection.cluster !== null);
    for (const card of document.querySelectorAll(".card")) {
      card.classList.toggle("lit", Number(card.dataset.cluster) === selection.cluster);
    }
    for (const id of Object.keys(linked)) page.redraw(id);
    tell();
  }

  function tell() {
    panel.hidden = !anythingChosen();
    // A screen reader hears only of what was there, empty, before: not of the panel that appears.
    const announcement = document.getElementById("announcement");
    announcement.textContent = "Nothing highlighted";
    if (panel.hidden) return;
    const rows = Array.from(images.keys()).filter(isRowChosen);
    const of = [];
    if (selection.class !== null) of.push(`class ${points.classes.find(({ index }) => index === selection.class).name}`);
    if (selection.cluster !== null) of.push(points.clusters.find(({ index }) => index === selection.cluster).name);
    const decoded = new DOMParser().parseFromString(of.join(" in "), "text/html").body.textContent;
    const noun = rows.length === 1 ? points.unit : `${points.unit}s`;
    announcement.textContent = `${decoded}: ${rows.length.toLocaleString("en")} ${noun} highlighted`;
    panel.querySelector("p").textContent = announcement.textContent;
    rows.sort((one, other) => (silhouettes[other] || -2) - (silhouettes[one] || -2));
    const text = (value) => new DOMParser().parseFromString(value, "text/html").body.textContent;
    const cells = rows.slice(0, listed).map((row) => [nameOf(row), text(clusterOf(row).name), text(classOf(row).name), silhouetteOf(row)]);
    list.replaceChildren(makeTable([points.unit, "cluster", "class", "silhouette"], cells, rows.length));
  }

  function makeTable(header, rows, total) {
    const table = document.createElement("table");
    const caption = table.createCaption();
    caption.textContent = total > rows.length ? `The first ${rows.length} of ${total} by silhouette` : "By silhouette";
    const head = table.createTHead().insertRow();
    for (const name of header) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.textContent = name;
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((value, place) => {
        const cell = line.appendChild(document.createElement(place ? "td" : "th"));
        if (!place) cell.scope = "row";
        cell.textContent = value;
      });
    }
    return table;
  }

  function showList(open) {
    list.hidden = !open;
    listButton.setAttribute("aria-expanded", String(open));
  }

  for (const chooser of choosers) chooser.addEventListener("click", () => choose(meaning(chooser)));
  listButton.addEventListener("click", () => showList(list.hidden));
  panel.querySelector('[data-selection="clear"]').addEventListener("click", () => choose({ cluster: null, class: null }));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && anythingChosen()) choose({ cluster: null, class: null });
  });

  function press(attribute, take) {
    const buttons = document.querySelectorAll(`[${attribute}]`);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        take(button.getAttribute(attribute));
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        page.redraw("scatter");
      });
    }
  }
  press("data-colour-by", (value) => (colourBy = value));
  press("data-view", (value) => (view = Number(value)));

  for (const [id, build] of Object.entries(linked)) page.draw(id, build, id === "scatter" ? layer.options : {});
  layer.show();
  // A name in the legend chooses what it names.
  scatter.on("plotly_legendclick", ({ curveNumber }) => {
    const { index } = scatter.data[curveNumber].meta;
    if (colourBy === "cluster") choose({ cluster: index, class: null });
    if (colourBy === "class") choose({ cluster: null, class: index });
    return false;
  });
  scatter.on("plotly_legenddoubleclick", () => false);
  const onClick = (id, take) => linked[id] && document.getElementById(id).on("plotly_click", ({ points: [point] }) => choose(take(point)));
  onClick("silhouettes", (point) => ({ cluster: point.data.meta, class: null }));
  onClick("sizes", (point) => ({ cluster: points.clusters.find(({ name }) => name === point.x).index, class: null }));

  document.querySelector('[data-csv="scatter"]').addEventListener("click", () => {
    const header = [points.unit, "cluster", "class", "silhouette", ...views.flatMap(({ name }) => [`${name} 1`, `${name} 2`])];
    const text = (value) => new DOMParser().parseFromString(value, "text/html").body.textContent;
    const rows = Array.from(images.keys(), (row) => [
      nameOf(row), text(clusterOf(row).name), text(classOf(row).name), silhouetteOf(row),
      ...views.flatMap(({ x, y }) => [x[row], y[row]]),
    ]);
    page.download("scatter", header, rows);
  });
})();
