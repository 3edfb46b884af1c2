"use strict";
// the files of a figure are made of the picture in the page, which is there once
for (const link of document.querySelectorAll("a[data-picture]")) {
  const picture = document.querySelector(`#${CSS.escape(link.dataset.picture)} img`);
  link.hidden = false;
  link.href = picture.src;
  link.download = link.dataset.file;
  if (!link.download.endsWith(".png")) continue;
  link.addEventListener("click", async (event) => {
    if (link.href !== picture.src) return;
    event.preventDefault();
    const whole = new Image();
    whole.src = picture.src;
    await whole.decode();
    const [canvas, scale] = [document.createElement("canvas"), 300 / 96];
    canvas.width = Math.round(whole.naturalWidth * scale);
    canvas.height = Math.round(whole.naturalHeight * scale);
    canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
    link.href = canvas.toDataURL("image/png");
    link.click();
  });
}
// the data of all figures and tables are one compressed text; Excel, Word and LaTeX are made of them and of what is shown
const packed = document.getElementById("packed");
let unpacking;
function unpacked() {
  unpacking ??= (async () => {
    const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  })();
  return unpacking;
}
function shown(id) {
  const place = document.getElementById(id);
  const table = place.querySelector("table");
  const texts = (row) => [...row.cells].map((cell) => cell.textContent);
  const cells = [...table.tBodies[0].rows].filter((row) => !row.querySelector("[colspan]")).map(texts);
  const headings = texts(table.tHead.rows[0]);
  const numeric = headings.map((_, n) => table.classList.contains(`n${n + 1}`));
  const notes = [...place.querySelectorAll(".note")].map((note) => note.textContent);
  return { title: table.caption.textContent, headings, numeric, cells, notes };
}
async function made(link) {
  const data = await unpacked();
  if (link.dataset.tsv) return new Blob([data[link.dataset.tsv].tsv], { type: "text/tab-separated-values" });
  const ids = Object.keys(data).filter((id) => data[id].numbers);
  const { workbook, document: word, latex } = window.cuecircuitTables;
  if (link.download.endsWith(".xlsx")) return workbook(ids.map((id) => ({ title: shown(id).title, ...data[id] })));
  return (link.download.endsWith(".docx") ? word : latex)(ids.map(shown));
}
if (packed && "DecompressionStream" in window) {
  for (const link of document.querySelectorAll("a[data-tsv], a[data-tables]")) {
    link.download = link.dataset.file;
    link.hidden = false;
    link.href = "#";
    link.addEventListener("click", async (event) => {
      if (link.href.startsWith("blob:")) return;
      event.preventDefault();
      link.href = URL.createObjectURL(await made(link));
      link.click();
    });
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText((await unpacked())[button.dataset.copied].tsv);
      button.firstChild.textContent = "Copied";
    });
  }
}
// on a phone a row is a card: every value with the heading of its column, and what a table is to screen readers stays
const phone = matchMedia("(max-width: 40rem)");
function asCards() {
  for (const table of document.querySelectorAll(".scroll table")) {
    if (!phone.matches || table.classList.contains("cards")) continue;
    table.classList.add("cards");
    table.setAttribute("role", "table");
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, n) => {
        cell.setAttribute("role", cell.scope === "col" ? "columnheader" : cell.scope === "row" ? "rowheader" : "cell");
        if (cell.scope !== "col" && row.cells.length > 1) cell.dataset.heading = headings[n];
      });
    }
  }
}
asCards();
phone.addEventListener("change", asCards);
