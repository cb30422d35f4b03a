for (const code of document.querySelectorAll(".step code, code.long")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "copy";
  button.setAttribute("aria-label", `copy ${code.textContent.slice(0, 60)}`);
  button.addEventListener("click", async () => {
    button.textContent = "copied";
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // a page from a file may not use the clipboard: what is selected can be copied by hand
      getSelection().selectAllChildren(code);
      button.textContent = "selected";
    }
  });
  code.after(button);
}

const hint = document.querySelector(".hint");
if (hint) {
  const wide = document.getElementById("rows").parentElement;
  new ResizeObserver(() => { hint.hidden = wide.scrollWidth <= wide.clientWidth; }).observe(wide);
}

const effect = document.getElementById("shown-effect");
const forest = document.getElementById("forest");
const shows = []; // functions of the quantity that is chosen, null for the one that decides
if (forest) {
  const quantities = JSON.parse(forest.dataset.quantities);
  const [ticks, head] = [forest.querySelector(".ticks"), forest.tHead.rows[0].cells[2]];
  const scale = [...ticks.children], zero = forest.querySelector(".zero")?.style.left;
  const choose = () => {
    const quantity = quantities[effect.value] ?? null;
    forest.classList.toggle("other", quantity !== null);
    head.textContent = quantity?.head ?? "difference";
    document.getElementById("shown-note").textContent = quantity?.note ?? "";
    ticks.replaceChildren(...(quantity ? quantity.ticks.map(([at, label]) => {
      const tick = document.createElement("i");
      tick.style.left = `${at}%`;
      tick.textContent = label;
      return tick;
    }) : scale));
    for (const line of forest.querySelectorAll(".zero")) line.style.left = quantity ? `${quantity.zero}%` : zero;
    for (const show of shows) show(quantity);
  };
  effect.addEventListener("change", choose);
}
for (const row of document.querySelectorAll("#forest tbody tr")) {
  const interval = row.querySelector(".interval"), dot = row.querySelector(".dot");
  if (!interval) continue;
  const strip = row.querySelector(".strip"), label = strip.getAttribute("aria-label");
  const measured = [interval.style.left, interval.style.right, dot.style.left, row.cells[2].textContent];
  const title = interval.title, value = dot.title;
  shows.push((quantity) => {
    const expected = row.dataset.expected ? [...row.dataset.expected.split(" ").map(Number), row.dataset.text] : null;
    const other = Boolean(effect.value);
    const places = quantity ? quantity.rows[row.dataset.row] : other && expected;
    const [left, right, at, text] = places
      ? [`${places[0]}%`, `${100 - places[2]}%`, `${places[1]}%`, places[3]] : measured;
    interval.style.left = left;
    interval.style.right = right;
    dot.style.left = at;
    dot.title = places ? text : value;
    row.cells[2].textContent = other && !places ? "" : text;
    interval.title = !places ? title : quantity ? "one standard deviation over seeds" : "with a probability of 95 %";
    strip.setAttribute("aria-label", quantity ? `${quantity.title}: ${places ? text : "not known"}` : label);
    for (const mark of [interval, dot]) mark.style.visibility = other && !places ? "hidden" : "";
    interval.classList.toggle("whole", Boolean(places));
  });
}

const panels = [...document.querySelectorAll(".panel")];
const boxes = [...document.querySelectorAll(".legend input")];
function drawLines() {
  for (const box of boxes) {
    for (const line of document.querySelectorAll(`.panel .line-${box.dataset.line}`)) {
      line.classList.toggle("off", !box.checked);
    }
  }
}
function setLines(on) {
  for (const box of boxes) box.checked = on || box.dataset.line === "0";
  drawLines();
}
const quantity = document.getElementById("quantity");
function choosePanel() {
  for (const panel of panels) panel.hidden = panel.dataset.key !== quantity.value;
  const heading = document.querySelector("h3.schedules");
  if (heading) heading.hidden = quantity.value === "value";
}
function valueAt(panel, y) {
  const low = Number(panel.dataset.low), high = Number(panel.dataset.high), share = 1 - y / 1000;
  return panel.dataset.log ? low * (high / low) ** share : low + (high - low) * share;
}
function hover(panel, event) {
  const field = panel.querySelector(".field").getBoundingClientRect();
  const x = 1000 * (event.clientX - field.left) / field.width;
  const y = 1000 * (event.clientY - field.top) / field.height;
  let best = null;
  for (const line of panel.querySelectorAll(".line:not(.off)")) {
    line.classList.remove("strong");
    for (const point of line.points) {
      const distance = Math.hypot(point.x - x, point.y - y);
      if (best === null || distance < best.distance) best = { distance, point, line };
    }
  }
  if (best === null) return;
  best.line.classList.add("strong");
  const name = document.querySelector(`.legend input[data-line="${best.line.dataset.line}"]`).parentElement;
  const epoch = 1 + Math.round(best.point.x / 1000 * (Number(panel.dataset.epochs) - 1));
  const value = Number(valueAt(panel, best.point.y).toPrecision(4));
  document.getElementById("hovered").textContent =
    `${name.textContent.trim().split(/\s+/)[0]}: ${value} at epoch ${epoch}`;
}
if (panels.length) {
  for (const box of boxes) box.addEventListener("change", drawLines);
  document.getElementById("all-lines").addEventListener("click", () => setLines(true));
  document.getElementById("no-lines").addEventListener("click", () => setLines(false));
  quantity.addEventListener("change", choosePanel);
  for (const panel of panels) panel.addEventListener("mousemove", (event) => hover(panel, event));
  drawLines();
  choosePanel();
}

const differences = document.getElementById("differences");
function showDifferences() {
  const changed = JSON.parse(differences.dataset.changed);
  const names = ["one", "other"].map((id) => document.getElementById(id).value);
  const settings = names.map((name) => ({ ...changed[""], ...changed[name] }));
  const keys = Object.keys(changed[""]).filter((key) => settings[0][key] !== settings[1][key]);
  const cells = [["setting", ...names], ...keys.map((key) => [key, ...settings.map((s) => s[key] || "none")])];
  const made = document.createElement("table");
  for (const [index, line] of cells.entries()) {
    const row = made.insertRow();
    for (const [column, text] of line.entries()) {
      const cell = document.createElement(index === 0 || column === 0 ? "th" : "td");
      if (cell.tagName === "TH") cell.scope = index === 0 ? "col" : "row";
      cell.textContent = text;
      row.append(cell);
    }
  }
  differences.replaceChildren(keys.length ? made : "No setting tells them apart.");
}
if (differences) {
  for (const id of ["one", "other"]) document.getElementById(id).addEventListener("change", showDifferences);
  showDifferences();
}

const recipe = document.getElementById("recipe");
if (recipe) {
  const adopted = recipe.textContent;
  const chosen = document.getElementById("recipe-of");
  chosen.addEventListener("change", () => {
    const { trick, option } = chosen.selectedOptions[0].dataset;
    const options = { ...JSON.parse(recipe.dataset.base), ...(trick ? { [trick]: option } : {}) };
    const lines = Object.entries(options).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}\n`);
    recipe.textContent = trick ? "tricks:\n" + lines.join("") : adopted;
  });
  document.getElementById("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([recipe.textContent], { type: "application/yaml" }));
    link.download = "recipe.yaml";
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
