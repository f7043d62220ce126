"use strict";
// A click on a function of a flame graph makes it as wide as the picture; those above it stay, the others go.
for (const section of document.querySelectorAll("section.picture")) {
  const svg = section.querySelector("svg"), groups = [...section.querySelectorAll("g.flame")];
  if (!groups.length) continue;
  const MARGIN = 10, WIDTH = 1200 - 2 * MARGIN, LETTER = 6.6;
  const boxes = groups.map(group => {
    const rect = group.querySelector("rect"), title = group.querySelector("title").textContent;
    const number = name => parseFloat(rect.getAttribute(name));
    return { group, rect, name: title.slice(0, title.lastIndexOf(": ")), x: number("x"), y: number("y"), width: number("width") };
  });
  const lowest = Math.min(...boxes.map(box => box.y));
  const write = (box, width, x) => {
    const letters = Math.floor((width - 4) / LETTER);
    let text = box.group.querySelector("text");
    if (!text) {
      text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("y", box.y + 12);
      box.group.append(text);
    }
    text.setAttribute("x", x + 3);
    text.textContent = letters < 3 ? "" : box.name.length <= letters ? box.name : box.name.slice(0, letters - 1) + "\u2026";
  };
  const look = at => {
    const scale = WIDTH / at.width, end = at.x + at.width, least = 0.01;
    for (const box of boxes) {
      const above = box.y < at.y && box.x <= at.x + least && box.x + box.width >= end - least;
      const inside = box.y >= at.y && box.x >= at.x - least && box.x + box.width <= end + least;
      box.group.classList.toggle("away", !above && !inside);
      if (!above && !inside) continue;
      const x = above ? MARGIN : MARGIN + (box.x - at.x) * scale, width = above ? WIDTH : box.width * scale;
      box.rect.setAttribute("x", x);
      box.rect.setAttribute("width", width);
      write(box, width, x);
    }
  };
  for (const box of boxes) {
    box.group.setAttribute("tabindex", "0");
    box.group.setAttribute("role", "button");
    box.group.addEventListener("click", () => look(box.y === lowest ? boxes.find(one => one.y === lowest) : box));
    box.group.addEventListener("keydown", event => { if (event.key === "Enter") look(box); });
  }
  const find = document.createElement("input"), told = document.createElement("span");
  find.type = "search"; find.placeholder = "find a function"; find.setAttribute("aria-label", "find a function");
  find.className = "noprint"; told.className = "quiet";
  find.addEventListener("input", () => {
    const word = find.value.trim().toLowerCase();
    let hits = 0;
    for (const box of boxes) {
      const hit = word !== "" && box.y !== lowest && box.name.toLowerCase().includes(word);
      box.group.classList.toggle("hit", hit);
      hits += hit;
    }
    told.textContent = word ? ` ${hits} boxes` : "";
  });
  svg.parentElement.before(find, told);
}
