"use strict";
// Large tables: all cells are fetched once, and the rows that are in sight are drawn. Sorting moves numbers alone.
(() => {
  const ROW = 25, SPARE = 12, PRINTED = 5000, WIDEST = 90;
  const make = (name, properties = {}, ...children) => {
    const found = Object.assign(document.createElement(name), properties);
    found.append(...children);
    return found;
  };

  class Grid {
    constructor(box, data) {
      Object.assign(this, { box, data, columns: data.columns, cells: data.cells, count: data.count, depth: data.depth });
      this.keys = new Map(); this.order = null; this.by = null; this.down = false; this.words = []; this.pattern = null;
      this.folded = new Set(); this.level = this.columns.findIndex(one => one.name === "level");
      this.find = make("input", { type: "search", placeholder: "filter" });
      this.find.setAttribute("aria-label", `filter ${data.title}: words, or an expression between slashes`);
      this.told = make("span", { className: "quiet" });
      this.told.setAttribute("role", "status");
      this.chosen = make("dl", { className: "chosen-cells", hidden: true });
      this.body = make("tbody");
      this.heads = this.columns.map((one, at) => {
        const button = make("button", { className: "sort", type: "button", textContent: one.name });
        button.addEventListener("click", () => this.sort(at));
        const head = make("th", { className: one.number ? "number" : "" }, button);
        head.scope = "col";
        return head;
      });
      const table = make("table", {}, this.widths(), make("thead", {}, make("tr", {}, ...this.heads)), this.body);
      table.setAttribute("aria-rowcount", this.count);
      this.scroll = make("div", { className: "scroll", tabIndex: 0 }, table);
      box.replaceChildren(make("div", { className: "bar-line" }, this.find, this.told), this.chosen, this.scroll);
      this.find.addEventListener("input", () => this.filter());
      this.scroll.addEventListener("scroll", () => this.draw(), { passive: true });
      this.body.addEventListener("click", event => this.choose(event));
      addEventListener("resize", () => this.draw(true));
      addEventListener("beforeprint", () => this.draw(true, PRINTED));
      addEventListener("afterprint", () => this.draw(true));
      this.arrange();
    }

    widths() {
      const group = make("colgroup");
      this.columns.forEach((one, at) => {
        let most = one.name.length + 2;
        for (const cell of this.cells[at]) if (cell.length > most) most = cell.length;
        const col = make("col"), last = at === this.columns.length - 1;
        const indent = at === 0 && this.depth ? 2 * Math.min(Math.max(...this.depth, 0), 12) + 3 : 0;
        col.style.width = `calc(${Math.min(most, last ? 400 : WIDEST) + indent}ch + 1.4rem)`;
        group.append(col);
      });
      return group;
    }

    // what a column is ordered by, made once: numbers in a typed array (what is none stands last), or texts
    key(at) {
      if (!this.keys.has(at)) {
        const cells = this.cells[at], column = this.columns[at];
        if (column.number) this.keys.set(at, Float64Array.from(cells, cell => cell === "" ? NaN : parseFloat(cell)));
        else if (column.hex) this.keys.set(at, cells.map(cell => cell && cell.padStart(16, "0")));
        else this.keys.set(at, cells);
      }
      return this.keys.get(at);
    }

    sort(at) {
      this.down = this.by === at && !this.down;
      this.by = at;
      this.heads.forEach((head, other) => other === at ? head.setAttribute("aria-sort", this.down ? "descending" : "ascending") : head.removeAttribute("aria-sort"));
      this.arrange();
    }

    sorted() {
      const rows = Uint32Array.from({ length: this.count }, (_, row) => row);
      if (this.by === null) return rows;
      const key = this.key(this.by), sign = this.down ? -1 : 1;
      if (this.columns[this.by].number) {
        return rows.sort((a, b) => {
          const x = key[a], y = key[b];
          return x < y ? -sign : x > y ? sign : (x !== x) - (y !== y) || a - b;
        });
      }
      return rows.sort((a, b) => {
        const x = key[a], y = key[b];
        return x === y ? a - b : x === "" ? 1 : y === "" ? -1 : x < y ? -sign : sign;
      });
    }

    filter() {
      const text = this.find.value.trim();
      this.pattern = null; this.words = []; this.wrong = "";
      const inside = /^\/(.+)\/$/.exec(text);
      if (inside) {
        try { this.pattern = new RegExp(inside[1], "i"); } catch (error) { this.wrong = error.message; }
      } else this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
      this.arrange(true);
    }

    matches(row) {
      if (this.pattern) return this.cells.some(column => this.pattern.test(column[row]));
      this.texts ??= Array.from({ length: this.count }, (_, at) => this.cells.map(column => column[at]).join(" ").toLowerCase());
      return this.words.every(word => this.texts[row].includes(word));
    }

    get isTree() { return this.depth && this.by === null; }

    arrange(filtered = false) {
      if (!filtered || !this.ordered || this.byOrdered !== `${this.by} ${this.down}`) {
        this.ordered = this.sorted();
        this.byOrdered = `${this.by} ${this.down}`;
      }
      const asks = this.words.length || this.pattern;
      let order = this.ordered, hits = this.count;
      if (asks) {
        const hit = order.filter(row => this.matches(row));
        hits = hit.length;
        order = this.isTree ? this.withParents(hit) : hit;
      } else if (this.isTree && this.folded.size) order = this.unfolded(order);
      this.order = order;
      this.told.textContent = this.wrong || (asks ? `${hits} of ${this.count} rows` : `${this.count} rows`);
      if (filtered) this.scroll.scrollTop = 0;
      this.draw(true);
    }

    // those above each hit, so that one sees whose it is
    withParents(hit) {
      const kept = new Set(hit);
      for (const row of hit) {
        let depth = this.depth[row];
        for (let at = row - 1; at >= 0 && depth > 0; at--) if (this.depth[at] < depth) { depth = this.depth[at]; kept.add(at); }
      }
      return Uint32Array.from([...kept].sort((a, b) => a - b));
    }

    unfolded(order) {
      const found = [];
      let hidden = Infinity;
      for (const row of order) {
        if (this.depth[row] > hidden) continue;
        hidden = this.folded.has(row) ? this.depth[row] : Infinity;
        found.push(row);
      }
      return Uint32Array.from(found);
    }

    cell(row, at) {
      const text = this.cells[at][row], column = this.columns[at];
      const cell = make("td", { className: column.number ? "number" : "" });
      const link = column.link !== null && text !== "" && (column.hex ? /^[0-9a-f]{5,16}$/ : /^[1-9][0-9]{0,8}$/).test(text);
      if (at === 0 && this.isTree) {
        cell.style.paddingLeft = `${0.6 + 1.2 * Math.min(this.depth[row], 12)}rem`;
        const parent = row + 1 < this.count && this.depth[row + 1] > this.depth[row];
        const fold = make("button", { className: "fold", type: "button", textContent: parent ? (this.folded.has(row) ? "\u25b8" : "\u25be") : "" });
        fold.dataset.row = parent ? row : "";
        if (parent) fold.setAttribute("aria-label", this.folded.has(row) ? "unfold" : "fold"); else fold.disabled = true;
        cell.append(fold);
      }
      if (link) cell.append(make("a", { href: column.link + encodeURIComponent(text), textContent: text }));
      else if (this.words.length || this.pattern) cell.append(...this.marked(text));
      else cell.append(text);
      if (text.length > 30) cell.title = text;
      return cell;
    }

    marked(text) {
      const pattern = this.pattern ?? new RegExp(this.words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "i");
      const parts = [];
      let rest = text;
      for (let found; rest && (found = pattern.exec(rest)) && found[0];) {
        parts.push(rest.slice(0, found.index), make("mark", { textContent: found[0] }));
        rest = rest.slice(found.index + found[0].length);
      }
      return [...parts, rest];
    }

    draw(anew = false, most = 0) {
      const head = this.heads[0].parentElement.offsetHeight, total = this.order.length;
      const first = most ? 0 : Math.max(0, Math.floor((this.scroll.scrollTop - head) / ROW) - SPARE);
      const end = most ? Math.min(total, most) : Math.min(total, first + Math.ceil(this.scroll.clientHeight / ROW) + 2 * SPARE);
      if (!anew && first === this.first && end === this.end) return;
      this.first = first; this.end = end;
      const rows = [];
      for (let place = first; place < end; place++) {
        const row = this.order[place], line = make("tr");
        if (this.level >= 0) line.className = `level-${this.cells[this.level][row].replace(/[^a-z]/g, "")}`;
        if (row === this.chosenRow) line.classList.add("chosen");
        line.dataset.row = row;
        line.setAttribute("aria-rowindex", place + 1);
        for (let at = 0; at < this.columns.length; at++) line.append(this.cell(row, at));
        rows.push(line);
      }
      const space = count => {
        const cell = make("td", { colSpan: this.columns.length });
        cell.style.height = `${count * ROW}px`;
        return make("tr", { className: "space", ariaHidden: "true" }, cell);
      };
      const left = most && total > end ? [make("tr", {}, make("td", { colSpan: this.columns.length, textContent: `the first ${end} of ${total} rows` }))] : [];
      this.body.replaceChildren(...(first ? [space(first)] : []), ...rows, ...left, ...(!most && end < total ? [space(total - end)] : []));
    }

    // a click on a row shows all of its cells whole; on a mark of the tree it folds
    choose(event) {
      const fold = event.target.closest("button.fold");
      if (fold) {
        const row = Number(fold.dataset.row);
        this.folded.has(row) ? this.folded.delete(row) : this.folded.add(row);
        return this.arrange();
      }
      const line = event.target.closest("tr");
      if (!line?.dataset.row || event.target.closest("a") || String(getSelection())) return;
      const row = Number(line.dataset.row);
      this.chosenRow = this.chosenRow === row ? undefined : row;
      this.chosen.hidden = this.chosenRow === undefined;
      this.chosen.replaceChildren(...this.columns.flatMap((one, at) => this.cells[at][row] === "" ? [] : [make("dt", { textContent: one.name }), make("dd", { textContent: this.cells[at][row] })]));
      this.draw(true);
    }
  }

  const fetched = async box => {
    const told = make("p", { className: "quiet", textContent: "all rows are fetched ..." });
    box.prepend(told);
    try {
      for (;;) {
        const answer = await fetch(box.dataset.url, { credentials: "same-origin" });
        const data = await answer.json();
        if (data.error) throw new Error(data.error);
        if (!data.busy) return void (box.grid = new Grid(box, data));
        told.textContent = `all rows are fetched ... ${data.busy.seconds} s`;
        await new Promise(done => setTimeout(done, 700));
      }
    } catch (error) {
      told.className = "error";
      told.textContent = `the other rows can't be had: ${error.message}`;
    }
  };
  for (const box of document.querySelectorAll("div.grid[data-url]")) fetched(box);
})();
