// Sorts a table by the column whose heading is pressed; pressed again, the other way round. Empty cells stay last.
const table = document.currentScript.parentElement.querySelector("table");
const order = new Intl.Collator(undefined, {numeric: true}).compare;

function keyOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
}

function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : order(String(a), String(b));
}

const isEmpty = (key) => key === "" || Number.isNaN(key);

function sort(heading, button) {
  const first = button.dataset.first;
  const other = first === "descending" ? "ascending" : "descending";
  const direction = heading.getAttribute("aria-sort") === first ? other : first;
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  const sign = direction === "descending" ? -1 : 1;
  const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, heading.cellIndex), row]);
  rows.sort(([a], [b]) => isEmpty(a) - isEmpty(b) || sign * compare(a, b));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const heading of table.tHead.rows[0].cells) {
  const [button] = heading.getElementsByTagName("button");
  button?.addEventListener("click", () => sort(heading, button));
}
