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
  const views = points.views.map((view) => ({ ...view, x: unpack(view.x), y: unpack(view.y) }));
  const images = unpack(points.image);
  const silhouettes = unpack(points.silhouette);
  const clusters = unpack(points.cluster);
  const classes = unpack(points.class);
  const matches = new Map(points.matches);
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon"];
  const faint = 0.1;
  const listed = 200;

  const hasWebGl = Boolean(document.createElement("canvas").getContext("webgl"));
  const step = points.useWebGl && !hasWebGl ? Math.ceil(images.length / points.maxSvgPoints) : 1;
  const drawn = Array.from({ length: Math.ceil(images.length / step) }, (_, place) => place * step);

  let colourBy = "cluster";
  let view = 0;
  let selection = { cluster: null, class: null };

  const nameOf = (row) => (points.names ? points.names[row] : `image ${images[row]}`);
  const silhouetteOf = (row) => (Number.isNaN(silhouettes[row]) ? "undefined" : silhouettes[row].toFixed(3));
  const clusterOf = (row) => points.clusters[clusters[row]];
  const classOf = (row) => points.classes[classes[row]];
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

  function markerOf(category, position, rows, colour) {
    const marker = { size: drawn.length > 2000 ? 4 : 7, color: colour(category.colour) };
    marker.symbol = category.symbol || (category.index < 0 ? "x" : symbols[position % symbols.length]);
    if (colourBy !== "silhouette") return marker;
    const limit = drawn.reduce((most, row) => Math.max(most, Math.abs(silhouettes[row]) || 0), 0.01);
    return {
      ...marker,
      color: rows.map((row) => silhouettes[row] || 0),
      cmin: -limit,
      cmax: limit,
      colorscale: [[0, "#b35806"], [0.5, "#c9c9c9"], [1, "#5e3c99"]],
      colorbar: { thickness: 12, title: { text: "silhouette" } },
      showscale: true,
    };
  }

  function scatterTraces(colour) {
    const { categories, of } = colourings[colourBy];
    const type = points.useWebGl && hasWebGl ? "scattergl" : "scatter";
    const groups = categories.map(() => ({ chosen: [], others: [] }));
    for (const row of drawn) groups[of(row)][isRowChosen(row) ? "chosen" : "others"].push(row);
    const trace = (rows, category, position, others) => ({
      type,
      mode: "markers",
      name: category.name,
      legendgroup: category.name,
      showlegend: colourBy !== "silhouette" && (!others || groups[position].chosen.length === 0),
      x: Float32Array.from(rows, (row) => views[view].x[row]),
      y: Float32Array.from(rows, (row) => views[view].y[row]),
      customdata: rows,
      text: rows.map(
        (row) => `${nameOf(row)}<br>${clusterOf(row).name}<br>class ${classOf(row).name}<br>silhouette ${silhouetteOf(row)}`,
      ),
      hoverinfo: "text",
      opacity: others ? faint : 0.8,
      marker: markerOf(category, position, rows, colour),
    });
    return categories.flatMap((category, position) => [
      trace(groups[position].others, category, position, true),
      trace(groups[position].chosen, category, position, false),
    ]).filter((each) => each.x.length > 0);
  }

  function buildScatter(colour) {
    const [across, up] = views[view].axes;
    return {
      data: scatterTraces(colour),
      layout: {
        xaxis: { title: { text: across }, zeroline: false },
        yaxis: { title: { text: up }, zeroline: false },
        showlegend: colourBy !== "silhouette",
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
    if (panel.hidden) return;
    const rows = Array.from(images.keys()).filter(isRowChosen);
    const of = [];
    if (selection.class !== null) of.push(`class ${points.classes.find(({ index }) => index === selection.class).name}`);
    if (selection.cluster !== null) of.push(points.clusters.find(({ index }) => index === selection.cluster).name);
    const decoded = new DOMParser().parseFromString(of.join(" in "), "text/html").body.textContent;
    const noun = rows.length === 1 ? "image" : "images";
    panel.querySelector('[role="status"]').textContent = `${decoded}: ${rows.length.toLocaleString("en")} ${noun} highlighted`;
    rows.sort((one, other) => (silhouettes[other] || -2) - (silhouettes[one] || -2));
    const text = (value) => new DOMParser().parseFromString(value, "text/html").body.textContent;
    const cells = rows.slice(0, listed).map((row) => [nameOf(row), text(clusterOf(row).name), text(classOf(row).name), silhouetteOf(row)]);
    list.replaceChildren(makeTable(["image", "cluster", "class", "silhouette"], cells, rows.length));
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

  for (const [id, build] of Object.entries(linked)) page.draw(id, build);
  const onClick = (id, take) => linked[id] && document.getElementById(id).on("plotly_click", ({ points: [point] }) => choose(take(point)));
  onClick("scatter", (point) => ({ cluster: clusterOf(point.customdata).index, class: null }));
  onClick("silhouettes", (point) => ({ cluster: point.data.meta, class: null }));
  onClick("sizes", (point) => ({ cluster: points.clusters.find(({ name }) => name === point.x).index, class: null }));

  document.querySelector('[data-csv="scatter"]').addEventListener("click", () => {
    const header = ["image", "cluster", "class", "silhouette", ...views.flatMap(({ name }) => [`${name} 1`, `${name} 2`])];
    const text = (value) => new DOMParser().parseFromString(value, "text/html").body.textContent;
    const rows = Array.from(images.keys(), (row) => [
      nameOf(row), text(clusterOf(row).name), text(classOf(row).name), silhouetteOf(row),
      ...views.flatMap(({ x, y }) => [x[row], y[row]]),
    ]);
    page.download("scatter", header, rows);
  });
  if (step > 1) {
    const note = document.getElementById("scatter-note");
    note.textContent = `This browser has no WebGL: one point of ${step} is drawn.`;
    note.hidden = false;
  }
})();
