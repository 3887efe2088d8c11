// Charts: values under the pointer, smoothing, and a log scale. util/charts.py draws them; a line's path is its data.
const SVG = "http://www.w3.org/2000/svg";
const PADDING = 0.06;
const TICKS = 5;
const place = document.currentScript.parentElement;
const controls = place.querySelector(".controls");
const smoothing = controls.querySelector("[name=smoothing]");
const logarithmic = controls.querySelector("[name=logarithmic]");

const pointsOf = (path) =>
  [...path.getAttribute("d").matchAll(/([ML])([^ ]+) ([^MLh]+)/g)].map(([, move, x, y]) => [+x, +y, move]);

function append(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

// A card as an object: its elements, and the lines with their points.
function chartOf(card) {
  const plot = card.querySelector(".plot");
  const group = plot.querySelector("g");
  const marks = [...group.querySelectorAll(".dots, .best")].map((path) => ({path, points: pointsOf(path)}));
  const values = card.querySelectorAll(".lines li");
  const lines = [...group.querySelectorAll(".line, .measured")].map((path, i) => {
    const style = path.getAttribute("style");
    const smooth = path.matches(".line") && append(group, "path", {class: "smooth", style});
    const dot = append(group, "path", {class: "dots", style});
    return {path, smooth, dot, points: pointsOf(path), value: values[i].querySelector("b"), shown: path};
  });
  for (const line of lines) line.last = line.value.textContent;
  const cursor = append(plot.querySelector("svg"), "path", {class: "cursor"});
  const note = card.querySelector("h3 small");
  const {unit, right} = card.dataset;
  return {card, plot, group, marks, lines, cursor, note, unit, right: +right, noted: note.textContent};
}

// The mean of the values up to each one, in which those before count ever less (an exponential moving average).
function smoothed(points, weight) {
  let sum = 0, total = 0;
  return points.map(([x, y, move]) => {
    sum = weight * sum + y;
    total = weight * total + 1;
    return [x, sum / total, move];
  });
}

function limits(values, log) {
  let low = Math.min(...values), high = Math.max(...values);
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= 1e-6 * size) {
    const room = log || size < 1e-30 ? 0.5 : size / 2;
    [low, high] = [low - room, high + room];
  }
  if (!log && low > 0 && low < 0.6 * high) low = 0;
  const space = PADDING * (high - low);
  return [low || log ? low - space : 0, high + space];
}

function ticks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / TICKS));
  const step = power * [1, 2, 5, 10, 20].find((factor) => (high - low) / (power * factor) <= TICKS);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({length: last - first + 1}, (_, i) => (first + i) * step);
}

// Powers of ten, with 2 and 5 between few of them.
function logTicks(low, high) {
  const found = [];
  const factors = high - low > 2.5 ? [1] : [1, 2, 5];
  for (let power = Math.floor(low); power <= high; power++)
    for (const factor of factors) found.push(factor * 10 ** power);
  const inside = found.filter((y) => Math.log10(y) >= low && Math.log10(y) <= high);
  const every = Math.ceil(inside.length / 6);
  return inside.length > 1 ? inside.filter((_, i) => i % every === 0) : ticks(10 ** low, 10 ** high);
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e9) return size >= 1e6 ? +(value / 1e6).toPrecision(4) + "M" : +(value / 1e3).toPrecision(4) + "k";
  return size && size < 1e-3 ? (+value.toPrecision(4)).toExponential() : String(+value.toPrecision(4));
}

function number(value) {
  const size = Math.abs(value);
  if (!value || (size >= 0.001 && size < 1e5)) return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
  return value.toExponential(3);
}

function draw(chart) {
  const weight = +smoothing.value;
  const positive = chart.lines.some(({points}) => points.some(([, y]) => y > 0));
  chart.log = logarithmic.checked && positive;
  const onAxis = (y) => (chart.log ? Math.log10(y) : y);
  const drawable = (points) => points.map(([x, y, move]) => [x, onAxis(y), move]).filter(([, y]) => Number.isFinite(y));
  const values = chart.lines.flatMap(({points}) => drawable(points).map(([, y]) => y));
  const [low, high] = values.length ? limits(values, chart.log) : [0, 1];
  const height = 100 / (high - low), width = 100 / (chart.right || 1);
  chart.group.setAttribute("transform", `matrix(${width} 0 0 ${-height} 0 ${high * height})`);
  chart.onAxis = onAxis;
  const command = ([x, y, move], i) => `${i ? move : "M"}${x} ${y}`;
  const write = (path, points) => path.setAttribute("d", points.map(command).join(""));
  for (const line of chart.lines) {
    write(line.path, drawable(line.points));
    line.smoothed = line.smooth && weight ? smoothed(line.points, weight) : line.points;
    if (line.smooth) write(line.smooth, weight ? drawable(line.smoothed) : []);
  }
  for (const {path, points} of chart.marks)
    path.setAttribute("d", drawable(points).map(([x, y]) => `M${x} ${y}h0`).join(""));
  chart.card.classList.toggle("smoothed", weight > 0);
  const rows = (chart.log ? logTicks(low, high) : ticks(low, high)).map((y) => [(high - onAxis(y)) * height, y]);
  chart.plot.querySelector(".grid").setAttribute("d", rows.map(([top]) => `M0 ${top}H100`).join(""));
  for (const label of chart.plot.querySelectorAll(".y")) label.remove();
  for (const [top, y] of rows) {
    const label = document.createElement("span");
    label.className = "y";
    label.style.top = top + "%";
    label.textContent = short(y);
    chart.plot.append(label);
  }
}

// The point nearest to a position, by bisection.
function nearest(points, x) {
  let first = 0, last = points.length - 1;
  while (first < last) {
    const middle = (first + last) >> 1;
    if (points[middle][0] < x) first = middle + 1;
    else last = middle;
  }
  return first && x - points[first - 1][0] < points[first][0] - x ? first - 1 : first;
}

// The values of all charts of a unit at a position of the x axis; null for the last values.
function point(unit, x) {
  for (const chart of all.filter((one) => one.unit === unit)) {
    const at = x !== null && (100 * x) / (chart.right || 1);
    chart.cursor.setAttribute("d", x === null ? "" : `M${at} 0V100`);
    chart.note.textContent = x === null ? chart.noted : `${unit} ${number(x).replace(/\.?0+$/, "")}`;
    for (const line of chart.lines) {
      const index = nearest(line.points, x ?? 0);
      if (x === null || index < 0) {
        line.value.textContent = line.last;
        line.dot.setAttribute("d", "");
        continue;
      }
      const [atX, y] = line.points[index];
      const smooth = line.smoothed !== line.points ? `, smoothed ${number(line.smoothed[index][1])}` : "";
      line.value.textContent = number(y) + smooth;
      line.dot.setAttribute("d", Number.isFinite(chart.onAxis(y)) ? `M${atX} ${chart.onAxis(y)}h0` : "");
    }
  }
}

function listen(chart) {
  let x = null;
  const move = (to) => point(chart.unit, (x = to === null ? null : Math.min(chart.right, Math.max(0, to))));
  const snapped = (to) => {
    const [line] = chart.lines;
    const index = line.points.length && nearest(line.points, to);
    return line.points.length ? line.points[index][0] : to;
  };
  chart.plot.addEventListener("pointermove", (event) => {
    const box = chart.plot.getBoundingClientRect();
    move(snapped(((event.clientX - box.left) / box.width) * chart.right));
  });
  chart.plot.addEventListener("pointerleave", () => move(null));
  chart.plot.addEventListener("blur", () => move(null));
  chart.plot.addEventListener("keydown", (event) => {
    const steps = {ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9}[event.key];
    const {points} = chart.lines[0];
    if (!steps || !points.length) return;
    event.preventDefault();
    const from = x === null ? points.length : nearest(points, x);
    move(points[Math.min(points.length - 1, Math.max(0, from + steps))][0]);
  });
}

const all = [...place.querySelectorAll(".chart")].map(chartOf);
controls.hidden = false;
smoothing.value = recall("smoothing") ?? 0.6;
logarithmic.checked = recall("logarithmic") ?? false;
controls.addEventListener("input", () => {
  remember("smoothing", +smoothing.value, true);
  remember("logarithmic", logarithmic.checked, true);
  all.forEach(draw);
});
all.forEach(draw);
all.forEach(listen);
