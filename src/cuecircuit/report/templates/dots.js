// The response of one region in every subject: a column of dots for each group and cue, mean and SEM beside them.
"use strict";
window.cuecircuitDots = (place, region, data) => {
  const SPACE = "http://www.w3.org/2000/svg";
  const [wide, tall, left, top, bottom] = [420, 300, 48, 30, 40];
  const { fixed } = window.cuecircuitNumbers;

  function add(parent, name, attributes, text) {
    const node = document.createElementNS(SPACE, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  function steps(low, high) {
    const rough = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const ticks = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) ticks.push(at);
    return ticks;
  }

  place.replaceChildren();
  const values = region ? region.cells.flatMap((cell) => cell.values) : [];
  if (!values.length) {
    place.textContent = region ? `${region.name}: no response.` : "Choose a region or a row of a table to see its subjects.";
    return;
  }
  const cueCount = data.cues.length;
  const names = region.cells.map((_, c) => [data.groups[Math.floor(c / cueCount)], data.cues[c % cueCount]]);
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  const pad = 0.06 * (most - least || 1);
  const y = (value) => top + (1 - (value - least + pad) / (most - least + 2 * pad)) * (tall - top - bottom);
  const unit = (wide - left - 10) / region.cells.length;
  const x = (column) => left + unit * (column + 0.5);
  const spoken = region.cells.map((cell, c) => cell.mean === null ? "" : `${names[c][0].name} ${names[c][1]}: mean ${fixed(cell.mean, 2)}`);
  const svg = add(place, "svg", { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `${region.name}. ${spoken.join("; ")}` });
  add(svg, "text", { x: left, y: 16, class: "dots-title" }, `${region.name} (${region.extent})`);
  add(svg, "text", { x: 12, y: (top + tall - bottom) / 2, transform: `rotate(-90 12 ${(top + tall - bottom) / 2})`, "text-anchor": "middle" }, data.unit ? `Response (${data.unit})` : "Response");
  for (const tick of steps(least - pad, most + pad)) {
    add(svg, "line", { x1: left, x2: wide - 10, y1: y(tick), y2: y(tick), stroke: "#dddddd" });
    add(svg, "text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(3))).replace("-", "\u2212"));
  }
  region.cells.forEach((cell, c) => {
    const [group, cue] = names[c];
    add(svg, "text", { x: x(c), y: tall - 24, "text-anchor": "middle" }, cue);
    add(svg, "text", { x: x(c), y: tall - 8, "text-anchor": "middle", fill: group.color, class: "dots-group" }, group.name);
    cell.values.forEach((value, d) => add(svg, "circle", {
      cx: x(c) + cell.beside[d] * unit, cy: y(value), r: 4, stroke: group.color, "stroke-width": 1.6,
      fill: c % cueCount ? group.color : "#ffffff",
    }));
    if (cell.mean === null) return;
    const [from, to] = [x(c) - 0.3 * unit, x(c) + 0.3 * unit];
    add(svg, "line", { x1: from, x2: to, y1: y(cell.mean), y2: y(cell.mean), stroke: "#222222", "stroke-width": 2 });
    if (cell.sem !== null) add(svg, "line", { x1: x(c), x2: x(c), y1: y(cell.mean - cell.sem), y2: y(cell.mean + cell.sem), stroke: "#222222", "stroke-width": 1.5 });
  });
};
