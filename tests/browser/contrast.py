"""A script that finds text which cannot be read: below 4.5 to 1 against what is painted behind it."""

from typing import Final

UNREADABLE: Final = """(() => {
  const parts = (color) => (color.match(/[\\d.]+/g) ?? ["0", "0", "0", "0"]).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).map((it) => it / 255)
      .map((it) => it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const clear = (color) => { const all = parts(color); return all.length > 3 && all[3] === 0; };
  const behind = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const color = getComputedStyle(it).backgroundColor;
      if (!clear(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const filled = (element) => {  // the last shape painted below a text of a figure
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const svg = element.closest("svg");
    let color = null;
    for (const shape of svg.querySelectorAll("path, rect, text")) {
      if (shape === element) break;
      if (shape.tagName === "text" || shape.closest("defs, clipPath")) continue;
      const at = shape.getBoundingClientRect();
      const fill = getComputedStyle(shape).fill;
      const inside = at.left <= x && x <= at.right && at.top <= y && y <= at.bottom;
      if (inside && fill !== "none" && fill.startsWith("rgb") && !clear(fill)) color = fill;
    }
    return color;
  };
  const pale = [];
  let looked = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const words = walk.currentNode.nodeValue.trim();
    const element = walk.currentNode.parentElement;
    if (!words || !element || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    if (["title", "desc"].includes(element.tagName) || !element.getClientRects().length) continue;
    const drawn = element.closest("svg") !== null;
    const ink = drawn ? getComputedStyle(element).fill : getComputedStyle(element).color;
    const paper = (drawn ? filled(element) : null) ?? behind(element);
    const [high, low] = [light(ink), light(paper)].sort((a, b) => b - a);
    looked += 1;
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) pale.push([words.slice(0, 60), `${ink} on ${paper}: ${contrast.toFixed(2)}`]);
  }
  return {looked, pale};
})()"""
