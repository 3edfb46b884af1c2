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
for (const button of document.querySelectorAll("button.copy")) {
  const link = button.parentElement.querySelector("a[download$='.tsv']");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
    await navigator.clipboard.writeText(new TextDecoder().decode(bytes));
    button.firstChild.textContent = "Copied";
  });
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
