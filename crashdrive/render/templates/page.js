"use strict";
for (const box of document.querySelectorAll("section.table")) {
  const body = box.querySelector("tbody"), find = box.querySelector("input[type=search]");
  if (!body) continue;
  if (find) find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of body.rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
  });
  const heads = [...box.querySelectorAll("thead th")];
  heads.forEach((head, at) => head.querySelector("button")?.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending", numeric = head.classList.contains("number"), hex = head.classList.contains("hex");
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[at].dataset.value ?? row.cells[at].textContent;
    const value = numeric ? row => parseFloat(key(row)) : hex ? row => key(row) && key(row).padStart(16, "0") : key;
    const rows = [...body.rows].map(row => [value(row), row]);
    const empty = one => one === "" || Number.isNaN(one);
    const compare = numeric ? (a, b) => a - b : (a, b) => a < b ? -1 : +(a > b);
    rows.sort(([a], [b]) => empty(a) - empty(b) || (down ? compare(b, a) : compare(a, b)));
    body.append(...rows.map(([, row]) => row));
  }));
}
