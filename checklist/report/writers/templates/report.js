"use strict";
const table = document.getElementById("rows");
const body = table.tBodies[0];

function keyOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.sort ?? (cell.querySelector("summary") ?? cell).textContent.trim();
  const number = parseFloat(text.replace("<", ""));
  return table.tHead.rows[0].cells[column].classList.contains("number")
    ? (Number.isNaN(number) ? null : number) : text;
}

function compare(one, other) {
  return typeof one === "number" ? one - other : one.localeCompare(other);
}

for (const head of table.tHead.rows[0].cells) {
  const button = head.querySelector("button");
  if (!button) continue;
  button.addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const keyed = [...body.rows].map((row) => [keyOf(row, head.cellIndex), row]);
    const known = keyed.filter(([key]) => key !== null && key !== "");
    const unknown = keyed.filter(([key]) => key === null || key === "");
    known.sort(([one], [other]) => (rising ? 1 : -1) * compare(one, other));
    body.append(...known.map(([, row]) => row), ...unknown.map(([, row]) => row));
  });
}

for (const row of body.rows) {
  const marks = ["interval-", "effect-"].map((kind) => document.getElementById(kind + row.dataset.row));
  for (const [event, on] of [["mouseenter", true], ["mouseleave", false]]) {
    row.addEventListener(event, () => marks.forEach((mark) => mark?.classList.toggle("shown", on)));
  }
}

for (const row of body.rows) {
  for (const kind of ["interval-", "effect-"]) {
    const mark = document.getElementById(kind + row.dataset.row);
    mark?.addEventListener("mouseenter", () => row.classList.add("shown"));
    mark?.addEventListener("mouseleave", () => row.classList.remove("shown"));
  }
}
