"use strict";
// Paints the points of the scatter on a canvas over the plot: Plotly draws axes, legend and buttons, and zooms. Its own
// marks would take seconds for 84,495 points where the processor does the drawing; symbols of a few pixels each take a fraction.
window.octclusterPoints = (() => {
  const sharpness = Math.max(2, window.devicePixelRatio || 1); // paper and dense screens need more than one pixel
  const corners = (count, turn, inner = 1) =>
    Array.from({ length: count }, (_, place) => {
      const angle = (2 * Math.PI * place) / count + turn;
      const length = place % 2 ? inner : 1;
      return [length * Math.sin(angle), -length * Math.cos(angle)];
    });
  const plus = [[-1, -3], [1, -3], [1, -1], [3, -1], [3, 1], [1, 1], [1, 3], [-1, 3], [-1, 1], [-3, 1], [-3, -1], [-1, -1]];
  const turned = ([x, y]) => [(x - y) * 0.26, (x + y) * 0.26];
  // Outlines of Plotly's symbols of the same names, of radius 1.
  const outlines = {
    square: corners(4, Math.PI / 4),
    diamond: corners(4, 0),
    "triangle-up": corners(3, 0),
    pentagon: corners(5, 0),
    star: corners(10, 0, 0.45),
    cross: plus.map(([x, y]) => [x / 3, y / 3]),
    x: plus.map(turned),
  };

  // A symbol as the pixels that it covers: their places around its middle and how far it covers them, 0 to 255.
  function stamp(symbol, size) {
    const radius = (size / 2) * sharpness;
    const reach = Math.ceil(1.1 * radius + 1);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 2 * reach;
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.translate(reach, reach);
    brush.lineWidth = sharpness;
    if (outlines[symbol]) for (const [x, y] of outlines[symbol]) brush.lineTo(1.1 * radius * x, 1.1 * radius * y);
    else brush.arc(0, 0, symbol === "circle-open" ? radius - sharpness / 2 : radius, 0, 2 * Math.PI);
    brush.closePath();
    if (symbol === "circle-open") brush.stroke();
    else brush.fill();
    const { data } = brush.getImageData(0, 0, 2 * reach, 2 * reach);
    const covered = Array.from({ length: 4 * reach * reach }, (_, place) => place).filter((place) => data[4 * place + 3]);
    return {
      reach,
      across: Int16Array.from(covered, (place) => (place % (2 * reach)) - reach),
      down: Int16Array.from(covered, (place) => Math.floor(place / (2 * reach)) - reach),
      cover: Float32Array.from(covered, (place) => data[4 * place + 3] / 255),
    };
  }

  function readColour(colour) {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    return brush.getImageData(0, 0, 1, 1).data;
  }

  // Lays a stamp over the pixels; what lies outside the picture is cut off.
  function press(picture, { across, down, cover }, [red, green, blue], opacity, left, top) {
    const { data, width, height } = picture;
    for (let place = 0; place < cover.length; place += 1) {
      const x = left + across[place];
      const y = top + down[place];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const at = 4 * (y * width + x);
      const over = opacity * cover[place];
      const under = (data[at + 3] / 255) * (1 - over);
      const both = over + under;
      data[at] = (red * over + data[at] * under) / both;
      data[at + 1] = (green * over + data[at + 1] * under) / both;
      data[at + 2] = (blue * over + data[at + 2] * under) / both;
      data[at + 3] = 255 * both;
    }
  }

  // Positions in pixels of the plot's area; area is {left, top, width, height, across: [from, to], up: [from, to]}.
  const place = (area, x, y) => [
    ((x - area.across[0]) / (area.across[1] - area.across[0])) * area.width,
    ((area.up[1] - y) / (area.up[1] - area.up[0])) * area.height,
  ];

  // Every so manieth row, round and round: as if at random, so that no cluster hides another by coming last.
  function* shuffled(length) {
    const stride = [7919, 104729].find((prime) => length % prime) || 1;
    for (let turn = 0, row = 0; turn < length; turn += 1, row = (row + stride) % length) yield row;
  }

  // looks: {symbol, colour}, and lookOf(row) which of them; what isFaint is drawn first, with the opacity faint.
  function paint(canvas, area, { x, y, looks, lookOf, isFaint, faint, size }) {
    const width = Math.max(1, Math.round(area.width * sharpness));
    const height = Math.max(1, Math.round(area.height * sharpness));
    const picture = new ImageData(width, height);
    const stamps = looks.map(({ symbol }) => stamp(symbol, size));
    const colours = looks.map(({ colour }) => readColour(colour));
    const later = [];
    const put = (row, opacity) => {
      const [left, top] = place(area, x[row], y[row]);
      const look = lookOf(row);
      press(picture, stamps[look], colours[look], opacity, Math.round(left * sharpness), Math.round(top * sharpness));
    };
    for (const row of shuffled(x.length)) {
      if (isFaint(row)) put(row, faint);
      else later.push(row);
    }
    for (const row of later) put(row, 0.8);
    Object.assign(canvas, { width, height });
    Object.assign(canvas.style, { left: `${area.left}px`, top: `${area.top}px`, width: `${area.width}px`, height: `${area.height}px` });
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
  }

  // The row of the point nearest to a place in the area, within reach pixels and not faint; -1 if there is none.
  function nearest(area, { x, y, isFaint }, left, top, reach = 10) {
    let found = -1;
    let least = reach * reach;
    for (let row = 0; row < x.length; row += 1) {
      const [across, down] = place(area, x[row], y[row]);
      const distance = (across - left) ** 2 + (down - top) ** 2;
      if (distance < least && !isFaint(row)) [found, least] = [row, distance];
    }
    return found;
  }

  return { paint, nearest, place };
})();
