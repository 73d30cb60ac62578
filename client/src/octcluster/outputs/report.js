"use strict";
// Draws the plots from the page's own data in the colours of the page's theme.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const plots = read("plots");
  const points = read("points");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon"];
  const config = {
    responsive: true,
    displaylogo: false,
    // Plotly has a button that uploads the chart to its makers' servers: neither the button nor an address may be there.
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };
  const hasWebGl = Boolean(document.createElement("canvas").getContext("webgl"));
  let colourBy = "cluster";

  function theme(layout, printing) {
    const isDark = dark.matches && !printing;
    const ink = isDark ? "#e8eaed" : "#1a1d21";
    const line = isDark ? "#3a424a" : "#dde2e6";
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    return {
      margin: { t: 24, r: 10, b: layout.showlegend === false ? 45 : 80, l: 50 },
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", traceorder: "normal" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: isDark ? "#a9b2bb" : "#555d66", activecolor: ink },
      ...layout,
      font: { family: "system-ui, sans-serif", size: 13, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: { ...axis, ...layout.xaxis },
      yaxis: { ...axis, ...layout.yaxis },
      shapes: (layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } })),
    };
  }

  function scatterTraces() {
    const names = points[colourBy + "Names"];
    const neutral = points[colourBy === "cluster" ? "neutralCluster" : "neutralClass"];
    const rows = names.map(() => []);
    points[colourBy].forEach((category, row) => rows[category].push(row));
    const describe = (row) =>
      `image ${points.image[row]}<br>${points.clusterNames[points.cluster[row]]}` +
      `<br>class ${points.classNames[points.class[row]]}<br>silhouette ${points.silhouette[row] ?? "undefined"}`;
    return names
      .map((name, category) => ({
        type: points.useWebGl && hasWebGl ? "scattergl" : "scatter",
        mode: "markers",
        name,
        x: rows[category].map((row) => points.x[row]),
        y: rows[category].map((row) => points.y[row]),
        text: rows[category].map(describe),
        hoverinfo: "text",
        marker: {
          size: points.x.length > 2000 ? 5 : 7,
          opacity: 0.8,
          color: category === neutral ? points.neutralColour : points.colours[category % points.colours.length],
          symbol: category === neutral ? "x" : symbols[category % symbols.length],
        },
      }))
      .filter((trace) => trace.x.length > 0);
  }

  function draw(printing = false) {
    const layout = {
      xaxis: { title: { text: "first principal coordinate" }, zeroline: false },
      yaxis: { title: { text: "second principal coordinate" }, zeroline: false },
      showlegend: true,
    };
    Plotly.react("scatter", scatterTraces(), theme(layout, printing), config);
    for (const [id, plot] of Object.entries(plots)) {
      Plotly.react(id, plot.data, theme(plot.layout, printing), config);
    }
  }

  for (const button of document.querySelectorAll("[data-colour-by]")) {
    button.addEventListener("click", () => {
      colourBy = button.dataset.colourBy;
      for (const other of document.querySelectorAll("[data-colour-by]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      draw();
    });
  }
  dark.addEventListener("change", () => draw());
  window.addEventListener("beforeprint", () => draw(true));
  window.addEventListener("afterprint", () => draw());
  draw();
})();
