// The interactive brain: three slices through anatomy and statistic, from the numbers in the page itself.
// Everything a reader or a study named is put in as text, never as markup.
"use strict";
(() => {
  const source = document.getElementById("brain-data");
  const root = document.getElementById("brain");
  if (!source || !root) return;
  const data = JSON.parse(source.textContent);
  const [nx, ny, nz] = data.shape;
  const find = (id) => document.getElementById(`brain-${id}`);
  const KINDS = { anatomy: Uint8Array, statistic: Float32Array, cluster: Uint16Array, region: Uint16Array, flags: Uint8Array };
  const MINUS = "\u2212";
  const state = { at: [...data.start], region: 0, target: null };
  const volumes = {};
  const index = (i, j, k) => (i * ny + j) * nz + k;
  const said = (value, digits) => value.toFixed(digits).replace("-", MINUS);
  const mm = (at) => data.affine.slice(0, 3).map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]);
  const edge = (axis) => Math.hypot(...data.affine.slice(0, 3).map((row) => row[axis]));

  // each plane: the axis it cuts, and the axes drawn to the right and up
  const PLANES = [
    { id: "coronal", name: "Coronal", cut: 1, right: 0, up: 2 },
    { id: "sagittal", name: "Sagittal", cut: 0, right: 1, up: 2 },
    { id: "axial", name: "Axial", cut: 2, right: 0, up: 1 },
  ];

  async function unpacked(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Kind(await new Response(stream).arrayBuffer());
  }

  // dark red over orange to pale yellow: lightness rises with the statistic
  function color(share) {
    const stops = [[122, 27, 96], [206, 62, 62], [250, 140, 20], [250, 240, 150]];
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((from, c) => from + (stops[low + 1][c] - from) * (at - low));
  }

  function lit(voxel, threshold, only) {
    return volumes.flags[voxel] & 1 && volumes.statistic[voxel] >= threshold && (!only || volumes.flags[voxel] & 2);
  }

  function draw() {
    const threshold = Number(find("threshold").value);
    const only = find("survivors").checked;
    for (const plane of PLANES) drawPlane(plane, threshold, only);
    tell(threshold);
  }

  function drawPlane(plane, threshold, only) {
    const { cut, right, up } = plane;
    const [width, height] = [data.shape[right], data.shape[up]];
    const canvas = find(plane.id);
    // one scale for all three, side by side on a wide page
    const pixelsPerMm = 820 / PLANES.reduce((sum, one) => sum + data.shape[one.right] * edge(one.right), 0);
    canvas.width = Math.round(width * edge(right) * pixelsPerMm);
    canvas.height = Math.round(height * edge(up) * pixelsPerMm);
    const small = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height);
    const at = [...state.at];
    const inRegion = new Uint8Array(width * height);
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        at[right] = u;
        at[up] = height - 1 - v;
        const voxel = index(...at);
        const gray = volumes.anatomy[voxel] * (volumes.flags[voxel] & 1 ? 0.9 : 0.35);
        const span = Math.max(data.largest - threshold, 1e-9);
        const painted = lit(voxel, threshold, only) ? color((volumes.statistic[voxel] - threshold) / span) : [gray, gray, gray];
        image.data.set([...painted, 255], 4 * (v * width + u));
        inRegion[v * width + u] = state.region && volumes.region[voxel] === state.region ? 1 : 0;
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    outline(pen, inRegion, width, height);
    crosshair(pen, (state.at[right] + 0.5) / width, 1 - (state.at[up] + 0.5) / height);
    canvas.setAttribute("aria-label", `${plane.name} slice at ${"xyz"[cut]} ${said(mm(state.at)[cut], 2)} mm`);
  }

  function outline(pen, inside, width, height) {
    const [w, h] = [pen.canvas.width / width, pen.canvas.height / height];
    const filled = (u, v) => u >= 0 && v >= 0 && u < width && v < height && inside[v * width + u];
    pen.beginPath();
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        if (!filled(u, v)) continue;
        if (!filled(u - 1, v)) { pen.moveTo(u * w, v * h); pen.lineTo(u * w, (v + 1) * h); }
        if (!filled(u + 1, v)) { pen.moveTo((u + 1) * w, v * h); pen.lineTo((u + 1) * w, (v + 1) * h); }
        if (!filled(u, v - 1)) { pen.moveTo(u * w, v * h); pen.lineTo((u + 1) * w, v * h); }
        if (!filled(u, v + 1)) { pen.moveTo(u * w, (v + 1) * h); pen.lineTo((u + 1) * w, (v + 1) * h); }
      }
    }
    pen.strokeStyle = "#56d4ff";
    pen.lineWidth = 2;
    pen.stroke();
  }

  function crosshair(pen, x, y) {
    const { width, height } = pen.canvas;
    pen.beginPath();
    pen.moveTo(x * width, 0); pen.lineTo(x * width, height);
    pen.moveTo(0, y * height); pen.lineTo(width, y * height);
    pen.strokeStyle = "#ffffffb0";
    pen.lineWidth = 1;
    pen.stroke();
  }

  function tell(threshold) {
    const voxel = index(...state.at);
    const place = mm(state.at).map((value, axis) => `${"xyz"[axis]} ${said(value, 2)}`).join(", ");
    const region = data.regions.find((one) => one.label === volumes.region[voxel]);
    const parts = [`${place} mm from ${data.reference}`];
    parts.push(volumes.flags[voxel] & 1 ? `${data.statistic} = ${said(volumes.statistic[voxel], 2)}` : "not tested");
    if (region) parts.push(region.name);
    if (volumes.cluster[voxel]) parts.push(`cluster ${volumes.cluster[voxel]}${volumes.flags[voxel] & 2 ? "" : ", does not survive"}`);
    find("readout").textContent = parts.join(" · ");
    find("threshold-value").textContent = said(threshold, 1);
    "xyz".split("").forEach((axis, a) => {
      find(axis).value = state.at[a];
      find(axis).setAttribute("aria-valuetext", `${said(mm(state.at)[a], 2)} mm`);
    });
  }

  function moveTo(at) {
    state.at = at.map((value, axis) => Math.min(Math.max(Math.round(value), 0), data.shape[axis] - 1));
    draw();
  }

  function showRegion(name, move) {
    const region = data.regions.find((one) => one.name === name);
    state.region = region ? region.label : 0;
    find("region").value = region ? name : "";
    window.cuecircuitDots(find("dots"), region, data);
    if (region && move) moveTo(region.at); else draw();
  }

  function fromMm(target) {
    // voxels lie along the axes of the affine: solve by Cramer's rule
    const [a, b, c] = data.affine.map((row) => row.slice(0, 3));
    const d = target.map((value, axis) => value - data.affine[axis][3]);
    const det = (m) => m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    const rows = [a, b, c];
    return [0, 1, 2].map((axis) => det(rows.map((row, r) => row.map((x, k) => (k === axis ? d[r] : x)))) / det(rows));
  }

  function follow(row) {
    document.querySelectorAll("tr.chosen").forEach((one) => one.classList.remove("chosen"));
    row.classList.add("chosen");
    if (row.dataset.region) showRegion(row.dataset.region, true);
    if (row.dataset.mm) {
      moveTo(fromMm(row.dataset.mm.split(" ").map(Number)));
      const here = data.regions.find((one) => one.label === volumes.region[index(...state.at)]);
      showRegion(here ? here.name : "", false);
    }
    root.scrollIntoView({ block: "nearest" });
  }

  function makeRowsButtons() {
    for (const row of document.querySelectorAll("tr[data-region], tr[data-mm]")) {
      const head = row.querySelector("th");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "to-brain";
      button.append(...head.childNodes);
      button.title = "Show in the brain";
      head.append(button);
      row.addEventListener("click", () => follow(row));
    }
  }

  function listen() {
    for (const plane of PLANES) {
      find(plane.id).addEventListener("pointerdown", (event) => {
        const box = event.target.getBoundingClientRect();
        const at = [...state.at];
        at[plane.right] = ((event.clientX - box.left) / box.width) * data.shape[plane.right] - 0.5;
        at[plane.up] = (1 - (event.clientY - box.top) / box.height) * data.shape[plane.up] - 0.5;
        moveTo(at);
      });
    }
    "xyz".split("").forEach((axis, a) => {
      Object.assign(find(axis), { min: 0, max: data.shape[a] - 1, step: 1 });
      find(axis).addEventListener("input", () => moveTo(state.at.map((value, k) => (k === a ? Number(find(axis).value) : value))));
    });
    Object.assign(find("threshold"), { min: 0, max: data.largest, step: data.largest / 500, value: data.threshold });
    find("threshold").addEventListener("input", draw);
    find("survivors").addEventListener("change", draw);
    for (const region of data.regions) find("region").add(new Option(region.name, region.name));
    find("region").addEventListener("change", () => showRegion(find("region").value, true));
  }

  async function start() {
    for (const [name, Kind] of Object.entries(KINDS)) volumes[name] = await unpacked(data.volumes[name], Kind);
    root.hidden = false;
    find("fallback").hidden = true;
    listen();
    makeRowsButtons();
    window.cuecircuitDots(find("dots"), null, data);
    draw();
    root.dataset.ready = "yes";
  }

  start().catch(() => {
    find("fallback").textContent = "This browser cannot unpack the volumes (it lacks DecompressionStream); the slices of figure 1C show the same map.";
  });
})();
