"use strict";
document.documentElement.classList.add("js");
const table = document.getElementById("rows");
const heads = [...table.tHead.rows[0].cells];

function keyOf(body, column) {
  const cell = body.rows[0].cells[column];
  const text = cell.dataset.sort ?? (cell.querySelector(".name") ?? cell).textContent.trim();
  const number = parseFloat(text.replace("<", ""));
  return heads[column].classList.contains("number") ? (Number.isNaN(number) ? null : number) : text;
}

function compare(one, other) {
  return typeof one === "number" ? one - other : one.localeCompare(other);
}

for (const head of heads) {
  const button = head.querySelector("button");
  if (!button) continue;
  button.addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const keyed = [...table.tBodies].map((body) => [keyOf(body, head.cellIndex), body]);
    const known = keyed.filter(([key]) => key !== null && key !== "");
    const unknown = keyed.filter(([key]) => key === null || key === "");
    known.sort(([one], [other]) => (rising ? 1 : -1) * compare(one, other));
    table.append(...known.map(([, body]) => body), ...unknown.map(([, body]) => body));
  });
}

for (const body of table.tBodies) {
  const name = body.querySelector(".name");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "name";
  button.append(...name.childNodes);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const open = body.rows[1].classList.toggle("open");
    body.rows[1].querySelector("details").open = open;
    button.setAttribute("aria-expanded", String(open));
  });
  name.replaceWith(button);
  const marks = ["interval-", "effect-"].map((kind) => document.getElementById(kind + body.dataset.row));
  for (const [event, on] of [["mouseenter", true], ["mouseleave", false]]) {
    body.addEventListener(event, () => marks.forEach((mark) => mark?.classList.toggle("shown", on)));
    marks[1]?.closest("tr").addEventListener(event, () => body.classList.toggle("shown", on));
  }
}

const find = document.getElementById("find");
const only = document.getElementById("only");
function filter() {
  let shown = 0;
  for (const body of table.tBodies) {
    const fits = body.dataset.row.toLowerCase().includes(find.value.trim().toLowerCase())
      && (!only.value || body.dataset.verdict === only.value);
    body.hidden = !fits;
    shown += fits;
  }
  const filtered = find.value.trim() || only.value;
  document.getElementById("found").textContent = filtered ? `${shown} of ${table.tBodies.length} rows` : "";
}
for (const control of [find, only]) control.addEventListener("input", filter);
find.form.addEventListener("submit", (event) => event.preventDefault());
