// Tables that sort by their heads (`data-sort`), and boxes that narrow a table's rows (`data-search`).
const LETTERS = { K: 1e3, M: 1e6, B: 1e9, T: 1e12, ms: 1, s: 1e3, min: 6e4, h: 3.6e6, d: 8.64e7 };
const NUMBER = /^([+-]?[$]?[\d,]*\.?\d+)\s*(K|M|B|T|ms|s|min|h|d)?(?=$|[\s%/])/;

// What readers chose outlives a renewal: by the part a table is in, and its place there.
const chosen = new Map();
const nameOf = (table) => {
  const part = table.closest("[data-live]") ?? document;
  return `${part.id ?? ""} ${[...part.querySelectorAll("table[data-sort]")].indexOf(table)}`;
};

export function tables(root) {
  for (const table of root.querySelectorAll("table[data-sort]")) sorts(table);
  for (const input of document.querySelectorAll("input[data-search]")) searches(input);
}

const value = (cell) => {
  const text = cell?.dataset.value ?? cell?.textContent.trim() ?? "";
  if (cell?.dataset.value !== undefined) return text === "" ? null : Number(text);
  const found = NUMBER.exec(text);
  return found ? Number(found[1].replace(/[$,]/g, "")) * (LETTERS[found[2]] ?? 1) : text === "" || text === "-" ? null : text.toLowerCase();
};

const compare = (one, other) => {
  if (one === null || other === null) return one === other ? 0 : one === null ? 2 : -2; // nothing comes last, always
  if (typeof one === typeof other) return one < other ? -1 : Number(one > other);
  return typeof one === "number" ? -1 : 1;
};

function sorts(table) {
  if (table.dataset.drawn !== undefined) return;
  table.dataset.drawn = "";
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    if (!head.textContent.trim() || head.querySelector("a, button")) continue;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falls = head.ariaSort === "none" || !head.ariaSort ? firstFalls(table, column) : head.ariaSort === "ascending";
      sort(table, column, falls);
      chosen.set(nameOf(table), [column, falls]);
    });
  }
  const before = chosen.get(nameOf(table));
  if (before) sort(table, ...before);
}

const cellOf = (row, column) => row?.cells[column];
const firstFalls = (table, column) => typeof value(cellOf(table.tBodies[0].rows[0], column)) === "number";

function sort(table, column, falls) {
  const [body, heads] = [table.tBodies[0], table.tHead.rows[0].cells];
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].ariaSort = falls ? "descending" : "ascending";
  const keyed = [...body.rows].map((row) => [value(cellOf(row, column)), row]);
  keyed.sort(([one], [other]) => {
    const order = compare(one, other);
    return Math.abs(order) === 2 || !falls ? order : -order;
  });
  body.append(...keyed.map(([, row]) => row));
}

function searches(input) {
  if (input.dataset.drawn === undefined) input.addEventListener("input", () => narrow(input));
  input.dataset.drawn = "";
  if (input.value) narrow(input);
}

function narrow(input) {
  const table = document.getElementById(input.dataset.search) ?? input.closest("section, main").querySelector("table");
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of table?.tBodies[0].rows ?? []) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}
