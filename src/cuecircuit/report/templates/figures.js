"use strict";
// the vector file of a figure is the picture itself: it stands in the page once
for (const link of document.querySelectorAll("a[data-picture]")) {
  link.href = document.querySelector(`#${CSS.escape(link.dataset.picture)} img`).src;
  link.hidden = false;
}
