"use strict";
// Lays painted points over a plot of Plotly: keeps them in place when it zooms, says which point is below the pointer, tells
// which one was clicked, and puts them into the picture that is saved.
// source: read() gives points.js what to paint; tell(row) the lines of a point; choose(row) is called with a clicked point.
window.octclusterLayPoints = (plot, canvas, tip, source) => {
  const { paint, nearest, place } = window.octclusterPoints;

  function measureArea() {
    const { xaxis, yaxis, _size: inner } = plot._fullLayout;
    return { left: inner.l, top: inner.t, width: inner.w, height: inner.h, across: xaxis.range, up: yaxis.range };
  }

  // Plotly tells several times that it has drawn; a frame of the screen needs one picture.
  let waits = false;
  function paintNow() {
    waits = false;
    paint(canvas, measureArea(), source.read());
  }
  function paintSoon() {
    if (!waits) requestAnimationFrame(paintNow);
    waits = true;
  }

  // The point at a place of the window, as a row; -1 if there is none.
  function pointAt({ clientX, clientY }) {
    const { left, top } = canvas.getBoundingClientRect();
    return nearest(measureArea(), source.read(), clientX - left, clientY - top);
  }

  function showTip(event) {
    const row = event.buttons ? -1 : pointAt(event);
    tip.hidden = row < 0;
    if (tip.hidden) return;
    const area = measureArea();
    const { x, y } = source.read();
    const [left, top] = place(area, x[row], y[row]);
    tip.textContent = source.tell(row).join("\n");
    tip.style.translate = left > area.width / 2 ? "calc(-100% - 10px) -50%" : "10px -50%";
    Object.assign(tip.style, { left: `${area.left + left}px`, top: `${area.top + top}px` });
  }

  // Plotly covers the page while a button is down, so that no click comes: a press that does not move is one.
  function press(down) {
    const row = down.target.closest(".legend, .modebar") ? -1 : pointAt(down);
    if (row < 0) return;
    const release = (up) => {
      if (Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 4) source.choose(row);
    };
    document.addEventListener("pointerup", release, { once: true, capture: true });
  }

  const savePicture = {
    name: "toImage",
    title: "Download plot as a PNG",
    icon: Plotly.Icons.camera,
    click: () => {
      const whole = { xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch", layer: "above" };
      const layout = { ...plot.layout, images: [{ ...whole, source: canvas.toDataURL() }] };
      const { clientWidth: width, clientHeight: height } = plot;
      Plotly.downloadImage({ data: plot.data, layout }, { format: "png", filename: plot.id, scale: 2, width, height });
    },
  };

  // To be called when the plot is drawn for the first time.
  function show() {
    paintSoon();
    plot.on("plotly_afterplot", paintSoon);
    window.addEventListener("beforeprint", paintNow); // paper waits for no frame
    plot.on("plotly_relayouting", paintSoon);
    plot.addEventListener("pointermove", showTip);
    plot.addEventListener("pointerleave", () => (tip.hidden = true));
    plot.addEventListener("pointerdown", press, true);
  }

  return { show, options: { modeBarButtons: [[savePicture, "zoom2d", "pan2d", "resetScale2d"]] } };
};
