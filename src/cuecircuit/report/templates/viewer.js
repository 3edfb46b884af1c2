// The interactive brain: three slices through anatomy and the maps of any test, from the numbers in the page itself.
// Everything a reader or a study named is put in as text, never as markup.
"use strict";
(() => {
  const source = document.getElementById("brain-data");
  const root = document.getElementById("brain");
  if (!source || !root) return;
  const data = JSON.parse(source.textContent);
  const { minusLogP, fixed, short, p } = window.cuecircuitNumbers;
  const [nx, ny, nz] = data.shape;
  const find = (id) => document.getElementById(`brain-${id}`);
  const KINDS = {
    anatomy: Uint8Array, region: Uint16Array, tested: Uint8Array, statistic: Int16Array, effect: Int16Array,
    logp: Uint16Array, corrected: Uint16Array, cluster: Uint16Array, survives: Uint8Array,
  };
  const state = { at: [...data.start], center: [...data.start], zoom: 1, region: 0, test: null, quantity: null };
  const brain = {};
  const tests = new Map();
  const index = (i, j, k) => (i * ny + j) * nz + k;
  const mm = (at) => data.affine.slice(0, 3).map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]);
  const edge = (axis) => Math.hypot(...data.affine.slice(0, 3).map((row) => row[axis]));

  // each plane: the axis it cuts, the axes drawn to the right and up, and the sides at left, right, top and bottom
  const PLANES = [
    { id: "coronal", name: "Coronal", cut: 1, right: 0, up: 2, sides: "LRSI" },
    { id: "sagittal", name: "Sagittal", cut: 0, right: 1, up: 2, sides: "PASI" },
    { id: "axial", name: "Axial", cut: 2, right: 0, up: 1, sides: "LRAP" },
  ];

  async function unpacked(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Kind(await new Response(stream).arrayBuffer());
  }

  async function unpackedAll(volumes) {
    const arrays = {};
    for (const [name, text] of Object.entries(volumes)) arrays[name] = await unpacked(text, KINDS[name]);
    return arrays;
  }

  // What can be shown of a test. `value` is what a voxel has, `size` what colors go by, `gate` what the slider goes by:
  // the size, but for effects the statistic, so that color is how large and opacity how sure.
  function quantitiesOf(test, maps) {
    const statistic = (voxel) => maps.statistic[voxel] * test.steps.statistic;
    const letter = test.kind[0];
    const f = (voxel) => (letter === "t" ? statistic(voxel) ** 2 : statistic(voxel));
    const most = (size) => maps.statistic.reduce((largest, _, voxel) => (brain.tested[voxel] ? Math.max(largest, size(voxel)) : largest), 0);
    const heightF = letter === "t" ? test.height ** 2 : test.height;
    const make = (name, value, size, start, write, about) => {
      const top = most(size) || 1;
      return { name, value, size, start, write, about, top, gate: size, gateTop: top };
    };
    const all = [make(test.kind, statistic, (voxel) => Math.abs(statistic(voxel)), test.height, (x) => fixed(x, 2), (x) => `|${letter}| at least ${fixed(x, 1)}`)];
    if (letter === "F") all[0].about = (x) => `F at least ${fixed(x, 1)}`;
    if (maps.effect) {
      const effect = (voxel) => maps.effect[voxel] * test.steps.effect;
      const { gate, gateTop, start, about } = all[0];
      all.push({ ...make("effect", effect, (voxel) => Math.abs(effect(voxel)), start, short, about), gate, gateTop });
    }
    if (test.df2 !== null) {
      const share = (x) => (x * test.df1) / (x * test.df1 + test.df2);
      all.push(make("partial \u03b7\u00b2", (voxel) => share(f(voxel)), (voxel) => share(f(voxel)), share(heightF), (x) => fixed(x, 2), (x) => `partial \u03b7\u00b2 at least ${fixed(x, 2)}`));
    }
    const logP = maps.logp ? (voxel) => maps.logp[voxel] / 100 : test.df2 === null ? null : (voxel) => minusLogP(f(voxel), test.df1, test.df2);
    const power = (x) => short(10 ** -x);
    if (logP) all.push(make("p, uncorrected", (voxel) => 10 ** -logP(voxel), logP, maps.logp ? 3 : minusLogP(heightF, test.df1, test.df2), (x) => p(x), (x) => `p at most ${power(x)}`));
    if (maps.corrected) {
      const corrected = (voxel) => -Math.log10(Math.max(maps.corrected[voxel], 0.5) / 1000);
      all.push(make("p, corrected", (voxel) => maps.corrected[voxel] / 1000, corrected, -Math.log10(test.alpha), (x) => p(x), (x) => `corrected p at most ${power(x)}`));
    }
    all.forEach((one) => { one.ends = one.name.startsWith("p,") ? power : one.write; });
    return all;
  }

  const signed = () => state.quantity.name === "effect" || state.quantity.name[0] === "t";

  // lightness rises with the size: dark red to pale yellow above 0, dark to ice blue below
  const WARM = [[122, 27, 96], [206, 62, 62], [250, 140, 20], [250, 240, 150]];
  const COLD = [[23, 71, 158], [50, 125, 205], [69, 180, 238], [216, 246, 255]];
  function color(share, negative) {
    const stops = negative ? COLD : WARM;
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((from, c) => from + (stops[low + 1][c] - from) * (at - low));
  }

  // opaque where it survives; the rest fades with the square of its size below the slider (Taylor et al. 2023)
  function opacity(voxel, threshold) {
    if (!brain.tested[voxel]) return 0;
    const size = state.quantity.gate(voxel);
    const survives = state.maps.survives && state.maps.survives[voxel];
    if (find("survivors").checked && !survives) return 0;
    return (survives ? 1 : 0.8) * (size >= threshold ? 1 : (size / threshold) ** 2);
  }

  function pixel(voxel, threshold) {
    const gray = brain.anatomy[voxel] * (brain.tested[voxel] ? 0.9 : 0.35);
    const share = opacity(voxel, threshold);
    if (!share) return [gray, gray, gray];
    const paint = color(state.quantity.size(voxel) / state.quantity.top, signed() && state.quantity.value(voxel) < 0);
    return paint.map((value) => value * share + gray * (1 - share));
  }

  // the part of a plane that is in view: [first, length] along each of its two axes, in voxels
  function view({ right, up }) {
    return [right, up].map((axis) => {
      const length = data.shape[axis] / state.zoom;
      const first = Math.min(Math.max(state.center[axis] + 0.5 - length / 2, 0), data.shape[axis] - length);
      return [first, length];
    });
  }

  function draw() {
    const threshold = Number(find("threshold").value);
    for (const plane of PLANES) drawPlane(plane, threshold);
    readOut(threshold);
  }

  function drawPlane(plane, threshold) {
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
    const surviving = new Uint8Array(width * height);
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        at[right] = u;
        at[up] = height - 1 - v;
        const voxel = index(...at);
        image.data.set([...pixel(voxel, threshold), 255], 4 * (v * width + u));
        inRegion[v * width + u] = state.region && brain.region[voxel] === state.region ? 1 : 0;
        surviving[v * width + u] = state.maps.survives ? state.maps.survives[voxel] : 0;
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const pen = canvas.getContext("2d");
    const [[left, wide], [low, tall]] = view(plane);
    const top = height - low - tall;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, left, top, wide, tall, 0, 0, canvas.width, canvas.height);
    const place = (u, v) => [((u - left) / wide) * canvas.width, ((v - top) / tall) * canvas.height];
    outline(pen, place, surviving, width, height, "#ffffff", 1.2);
    outline(pen, place, inRegion, width, height, "#56d4ff", 2);
    crosshair(pen, place(state.at[right] + 0.5, height - state.at[up] - 0.5));
    letters(pen, plane.sides);
    canvas.setAttribute("aria-label", `${plane.name} slice at ${"xyz"[cut]} ${fixed(mm(state.at)[cut], 2)} mm`);
  }

  function outline(pen, place, inside, width, height, stroke, thick) {
    const filled = (u, v) => u >= 0 && v >= 0 && u < width && v < height && inside[v * width + u];
    const line = (from, to) => { pen.moveTo(...place(...from)); pen.lineTo(...place(...to)); };
    pen.beginPath();
    for (let v = 0; v < height; v++) {
      for (let u = 0; u < width; u++) {
        if (!filled(u, v)) continue;
        if (!filled(u - 1, v)) line([u, v], [u, v + 1]);
        if (!filled(u + 1, v)) line([u + 1, v], [u + 1, v + 1]);
        if (!filled(u, v - 1)) line([u, v], [u + 1, v]);
        if (!filled(u, v + 1)) line([u, v + 1], [u + 1, v + 1]);
      }
    }
    pen.strokeStyle = stroke;
    pen.lineWidth = thick;
    pen.stroke();
  }

  function crosshair(pen, [x, y]) {
    const { width, height } = pen.canvas;
    pen.beginPath();
    pen.moveTo(x, 0); pen.lineTo(x, height);
    pen.moveTo(0, y); pen.lineTo(width, y);
    pen.strokeStyle = "#ffffffb0";
    pen.lineWidth = 1;
    pen.stroke();
  }

  function letters(pen, sides) {
    const { width, height } = pen.canvas;
    const places = [[8, height / 2], [width - 8, height / 2], [width / 2, 9], [width / 2, height - 8]];
    pen.font = "bold 13px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = "#ffffff";
    pen.strokeStyle = "#000000";
    pen.lineWidth = 3;
    places.forEach((place, n) => { pen.strokeText(sides[n], ...place); pen.fillText(sides[n], ...place); });
  }

  function drawBar() {
    const pen = find("bar").getContext("2d");
    const { width, height } = pen.canvas;
    for (let x = 0; x < width; x++) {
      const share = signed() ? (2 * x) / (width - 1) - 1 : x / (width - 1);
      pen.fillStyle = `rgb(${color(Math.abs(share), share < 0).map(Math.round).join(",")})`;
      pen.fillRect(x, 0, 1, height);
    }
    const { name, top, ends } = state.quantity;
    const unit = name === "effect" && data.unit ? ` ${data.unit}` : "";
    find("low").textContent = signed() ? ends(-top) : ends(0);
    find("high").textContent = `${ends(top)}${unit}`;
    find("bar").setAttribute("aria-label", `Colors of ${name}, ${find("low").textContent} to ${find("high").textContent}`);
  }

  function readOut(threshold) {
    const voxel = index(...state.at);
    const place = mm(state.at).map((value, axis) => `${"xyz"[axis]} ${fixed(value, 2)}`).join(", ");
    const region = data.regions.find((one) => one.label === brain.region[voxel]);
    const parts = [`${place} mm from ${data.reference}`];
    if (brain.tested[voxel]) {
      for (const one of state.quantities) {
        const value = one.write(one.value(voxel));
        const unit = one.name === "effect" ? ` ${[data.unit, state.test.positive && `(${state.test.positive})`].filter(Boolean).join(" ")}` : "";
        parts.push(one.name.startsWith("p,") ? `${one.name} ${value}` : `${one.name} = ${value}${unit}`.trimEnd());
      }
    } else parts.push("not tested");
    if (region) parts.push(region.name);
    const cluster = state.maps.cluster ? state.maps.cluster[voxel] : 0;
    if (cluster) parts.push(`cluster ${cluster}${state.maps.survives[voxel] ? "" : ", does not survive"}`);
    find("readout").textContent = parts.join(" \u00b7 ");
    find("threshold-value").textContent = state.quantity.about(threshold);
    "xyz".split("").forEach((axis, a) => {
      find(axis).value = state.at[a];
      find(axis).setAttribute("aria-valuetext", `${fixed(mm(state.at)[a], 2)} mm`);
    });
  }

  function moveTo(at) {
    state.at = at.map((value, axis) => Math.min(Math.max(Math.round(value), 0), data.shape[axis] - 1));
    const outside = PLANES.some((plane) => view(plane).some(([first, length], n) => {
      const here = state.at[n ? plane.up : plane.right] + 0.5;
      return here < first || here > first + length;
    }));
    if (outside) state.center = [...state.at];
    draw();
  }

  function zoomTo(zoom) {
    state.zoom = Math.min(Math.max(zoom, 1), 6);
    state.center = [...state.at];
    find("zoom").value = state.zoom;
    draw();
  }

  function showRegion(name, move) {
    const region = data.regions.find((one) => one.name === name);
    state.region = region ? region.label : 0;
    find("region").value = name;
    window.cuecircuitDots(find("dots"), region, data);
    if (region && move) moveTo(region.at); else draw();
  }

  async function showTest(id) {
    const test = data.tests.find((one) => one.id === id);
    if (!test) return;
    if (!tests.has(id)) {
      const maps = await unpackedAll(test.volumes);
      tests.set(id, { maps, quantities: quantitiesOf(test, maps) });
    }
    Object.assign(state, tests.get(id), { test });
    find("test").value = id;
    find("survivors").disabled = !(state.maps.survives && state.maps.survives.some(Boolean));
    if (find("survivors").disabled) find("survivors").checked = false;
    find("quantity").replaceChildren(...state.quantities.map((one) => new Option(one.name, one.name)));
    showQuantity(state.quantities[0].name);
  }

  function showQuantity(name) {
    state.quantity = state.quantities.find((one) => one.name === name);
    find("quantity").value = name;
    const { gateTop, start } = state.quantity;
    Object.assign(find("threshold"), { min: 0, max: gateTop, step: gateTop / 500, value: Math.min(start, gateTop) });
    drawBar();
    draw();
  }

  function fromMm(target) {
    // voxels lie along the axes of the affine: solve by Cramer's rule
    const rows = data.affine.slice(0, 3).map((row) => row.slice(0, 3));
    const d = target.map((value, axis) => value - data.affine[axis][3]);
    const det = (m) => m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    return [0, 1, 2].map((axis) => det(rows.map((row, r) => row.map((x, k) => (k === axis ? d[r] : x)))) / det(rows));
  }

  async function follow(row) {
    document.querySelectorAll("tr.chosen").forEach((one) => one.classList.remove("chosen"));
    row.classList.add("chosen");
    if (row.dataset.test && row.dataset.test !== state.test.id) await showTest(row.dataset.test);
    if (row.dataset.region) showRegion(row.dataset.region, true);
    if (row.dataset.mm) {
      moveTo(fromMm(row.dataset.mm.split(" ").map(Number)));
      const here = data.regions.find((one) => one.label === brain.region[index(...state.at)]);
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

  // a slice: click or drag moves the crosshair, two fingers zoom, arrows and Page keys move it, and once it has been
  // chosen the wheel goes through the slices
  function listenTo(plane) {
    const canvas = find(plane.id);
    const fingers = new Map();
    let apart = 0;
    const toHere = (event) => {
      const box = canvas.getBoundingClientRect();
      const [[left, wide], [low, tall]] = view(plane);
      const at = [...state.at];
      at[plane.right] = left + ((event.clientX - box.left) / box.width) * wide - 0.5;
      at[plane.up] = low + (1 - (event.clientY - box.top) / box.height) * tall - 0.5;
      moveTo(at);
    };
    const distance = () => {
      const [one, other] = [...fingers.values()];
      return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    };
    canvas.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
      if (fingers.size === 2) apart = distance() / state.zoom;
      else toHere(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event);
      if (fingers.size === 2) zoomTo(distance() / apart);
      else toHere(event);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    const step = (axis, by) => moveTo(state.at.map((value, k) => (k === axis ? value + by : value)));
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return;
      event.preventDefault();
      if (event.ctrlKey) zoomTo(state.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
      else step(plane.cut, event.deltaY < 0 ? 1 : -1);
    }, { passive: false });
    const KEYS = {
      ArrowRight: () => step(plane.right, 1), ArrowLeft: () => step(plane.right, -1),
      ArrowUp: () => step(plane.up, 1), ArrowDown: () => step(plane.up, -1),
      PageUp: () => step(plane.cut, 1), PageDown: () => step(plane.cut, -1),
      "+": () => zoomTo(state.zoom + 0.5), "-": () => zoomTo(state.zoom - 0.5), Escape: () => canvas.blur(),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      KEYS[event.key]();
    });
  }

  function listen() {
    PLANES.forEach(listenTo);
    "xyz".split("").forEach((axis, a) => {
      Object.assign(find(axis), { min: 0, max: data.shape[a] - 1, step: 1 });
      find(axis).addEventListener("input", () => moveTo(state.at.map((value, k) => (k === a ? Number(find(axis).value) : value))));
    });
    find("threshold").addEventListener("input", draw);
    find("survivors").addEventListener("change", draw);
    find("zoom").addEventListener("input", () => zoomTo(Number(find("zoom").value)));
    for (const test of data.tests) find("test").add(new Option(test.name, test.id));
    find("test").addEventListener("change", () => showTest(find("test").value));
    find("quantity").addEventListener("change", () => showQuantity(find("quantity").value));
    for (const region of data.regions) find("region").add(new Option(region.name, region.name));
    find("region").addEventListener("change", () => showRegion(find("region").value, true));
    find("region").parentElement.hidden = find("dots").hidden = !data.regions.length;
  }

  async function start() {
    Object.assign(brain, await unpackedAll(data.volumes));
    root.hidden = false;
    find("fallback").hidden = true;
    listen();
    makeRowsButtons();
    window.cuecircuitDots(find("dots"), null, data);
    await showTest(data.tests[0].id);
    root.dataset.ready = "yes";
  }

  start().catch(() => {
    find("fallback").hidden = false;
    find("fallback").textContent = "This browser cannot unpack the volumes (it lacks DecompressionStream); the figure above shows the same map.";
  });
})();
