"""What a reader must see of a page at a width: nothing cut, nothing covered, every row with what it is of."""

WIDTHS = (1400, 768, 390)
"""Pixels of a screen, a tablet and a phone."""
_LAYOUT = """() => {
  const faults = [], root = document.documentElement;
  const shown = node => node.checkVisibility({ visibilityProperty: true }) && !node.closest(".unseen, .skip");
  const name = node => `${node.tagName} ${node.id || node.className} ${node.textContent.trim().slice(0, 40)}`;
  const rect = node => node.getBoundingClientRect();
  const excess = root.scrollWidth - root.clientWidth;
  if (excess > 0) faults.push(`the page is ${excess} px too wide`);
  const texts = "h1, h2, h3, nav, main p, figcaption, .card, .scroll, .facts, .files a, button, label, select";
  const blocks = [...document.querySelectorAll(texts)].filter(shown);
  for (const node of blocks) {
    const box = rect(node), holder = node.parentElement.closest(".scroll, .card, .text");
    if (!holder && (box.left < -1 || box.right > root.clientWidth + 1)) faults.push(`beside the page: ${name(node)}`);
  }
  blocks.forEach((one, k) => blocks.slice(k + 1).forEach(other => {
    if (one.contains(other) || other.contains(one) || one.closest(".scroll") || other.closest(".scroll")) return;
    const [a, b] = [rect(one), rect(other)];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 2) faults.push(`over one another: ${name(one)} | ${name(other)}`);
  }));
  for (const head of [...document.querySelectorAll("tbody th")].filter(shown)) {
    const [box, table] = [rect(head), rect(head.closest(".scroll"))];
    if (box.left < table.left - 1 || box.right > table.right + 1) faults.push(`out of its table: ${name(head)}`);
  }
  return faults;
}"""


def layout_faults(page, width: int, theme: str) -> list[str]:
    """Lay an opened page out at this width and in this theme, and return what is wrong with it."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("() => document.querySelectorAll('h2').length") > 1
    return page.evaluate(_LAYOUT)
