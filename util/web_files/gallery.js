// The tools of a test's page: which results are shown, in which order and size. Without JavaScript all rows are there.
{
  const byId = (id) => document.getElementById(id);
  const [results, tools, order, range, low, high, size] = ["results", "tools", "order", "range", "low", "high", "size"].map(byId);
  const rows = [...results.children].map((section) => ({
    section,
    name: section.querySelector("h2").firstChild.data,
    index: Number(section.dataset.index),
    metrics: JSON.parse(section.dataset.metrics || "{}"),
  }));
  const metrics = JSON.parse(results.dataset.metrics); // pairs of a name, and whether higher values are better, or null
  let shown = rows;

  // Orders: name -> [metric or "", compare].
  const orders = new Map([["", ["", (a, b) => a.index - b.index]], ["name", ["", byName]]]);
  function byName(a, b) {
    return a.name.localeCompare(b.name, "en", {numeric: true}) || a.index - b.index;
  }
  const byMetric = (name, descending) => (a, b) => {
    const [x, y] = [a.metrics[name] ?? null, b.metrics[name] ?? null];
    if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index; // without a value: last
    return (descending ? y - x : x - y) || a.index - b.index;
  };
  for (const [name, higherIsBetter] of metrics) {
    if (!rows.some((row) => Number.isFinite(row.metrics[name]))) continue;
    const [words, lowest] = higherIsBetter === null ? [["lowest", "highest"], true] : [["worst", "best"], higherIsBetter];
    words.forEach((word, i) => {
      const value = `${i ? "best" : "worst"}:${name}`;
      orders.set(value, [name, byMetric(name, lowest === Boolean(i))]);
      order.add(new Option(`${name}: ${word} first`, value));
    });
  }

  const filter = () => {
    const [metric] = orders.get(order.value);
    const words = byId("find").value.toLowerCase();
    const [from, to] = [low, high].map((field) => (metric && field.value !== "" ? field.valueAsNumber : null));
    const fits = (row) => {
      const value = row.metrics[metric] ?? null;
      const inRange = (from === null || (value !== null && value >= from)) && (to === null || (value !== null && value <= to));
      return inRange && row.name.toLowerCase().includes(words);
    };
    shown = rows.filter(fits);
    const visible = new Set(shown);
    for (const row of rows) row.section.hidden = !visible.has(row);
    const count = (number) => number.toLocaleString("en");
    byId("count").textContent = `${shown.length < rows.length ? `${count(shown.length)} of ` : ""}${count(rows.length)} results`;
    byId("none").hidden = shown.length > 0;
  };
  const sort = () => {
    const [metric, compare] = orders.get(order.value);
    const before = [...rows];
    rows.sort(compare);
    if (rows.some((row, i) => row !== before[i])) results.append(...rows.map((row) => row.section));
    for (const {section, metrics: values} of rows) { // the one that the grid has room for
      const names = Object.keys(values);
      section.querySelectorAll("small").forEach((text, i) => text.classList.toggle("ordering", names[i] === metric));
    }
    range.hidden = !metric;
    low.value = high.value = "";
    const values = metric ? rows.map((row) => row.metrics[metric]).filter(Number.isFinite) : [];
    const ends = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
    [low.placeholder, high.placeholder] = ends.map((value) => String(Number(value.toPrecision(3))));
    filter();
  };
  order.addEventListener("change", sort);
  for (const field of [byId("find"), low, high]) field.addEventListener("input", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());

  // Which images are shown, in rows and in the grid; the grid begins with the one that is compared with others.
  const labels = [...byId("legend").children].map((item) => item.querySelector("b").textContent);
  const {first, second} = results.dataset;
  const chosen = {rows: new Set(labels), grid: new Set([second])};
  const grid = byId("grid");
  // As the page was written: the width of images, how many stand side by side, and the width of the page.
  const written = (element, name) => parseInt(element.style.getPropertyValue(name));
  const firstRow = results.querySelector(".row");
  const [width, columns, widest] = [written(firstRow, "--width"), written(firstRow, "--columns"), written(document.body, "--page")];
  const sizes = {rows: width, grid: Math.min(128, width)};
  const view = () => (grid.checked ? "grid" : "rows");
  const switches = labels.length < 2 ? [] : [...byId("legend").children].map((item, i) => {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.addEventListener("change", () => {
      chosen[view()][box.checked ? "add" : "delete"](labels[i]);
      layOut();
    });
    item.querySelector("label").prepend(box);
    return box;
  });
  let hidden = false; // whether some images are
  const layOut = () => {
    const visible = chosen[view()];
    switches.forEach((box, i) => {
      box.checked = visible.has(labels[i]);
      box.disabled = box.checked && visible.size === 1; // at least one image stays
    });
    if (hidden || visible.size < labels.length)
      for (const figure of results.querySelectorAll("figure")) figure.hidden = !visible.has(figure.lastChild.textContent);
    hidden = visible.size < labels.length;
    results.className = view();
    results.style.setProperty("--shown", visible.size);
    size.value = sizes[view()];
    resize();
  };
  const resize = () => {
    const pixels = (sizes[view()] = Number(size.value));
    results.style.setProperty("--size", `${pixels}px`);
    const lines = Math.ceil(chosen.rows.size / columns);
    results.style.setProperty("--height", `${lines * (pixels + 30) + 70}px`); // of a row that was not drawn yet, about
    const page = grid.checked ? 4000 : Math.max(widest, columns * (pixels + 14) + 76); // with gaps and margins
    document.body.style.setProperty("--page", `${page}px`);
  };
  size.addEventListener("input", resize);
  grid.addEventListener("change", layOut);

  // Results before and after one, in the order of the page.
  const next = (row, step) => {
    const position = shown.indexOf(row);
    return {result: shown[position + step], position, count: shown.length};
  };
  const open = makeViewer({first, second, next});
  results.addEventListener("click", (event) => {
    const link = event.target.closest("figure a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const section = link.closest("section");
    open(rows.find((row) => row.section === section), link.parentElement.lastChild.textContent);
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) byId(opener.dataset.opens).showModal();
  });
  const scale = (factor) => {
    size.value = Number(size.value) * factor;
    resize();
  };
  const keys = {
    "/": () => byId("find").focus(),
    g: () => grid.click(),
    "?": () => byId("keys").showModal(),
    "+": () => scale(1.25),
    "=": () => scale(1.25),
    "-": () => scale(0.8),
  };
  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input:not([type=range], [type=checkbox]), select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    if (byId("keys").open) return;
    event.preventDefault();
    keys[event.key]();
  });

  tools.hidden = false;
  if (orders.has(results.dataset.order)) order.value = results.dataset.order;
  sort();
  layOut();
}
