// The page of a server: an image is opened or drawn, sent, and compared with its translation.
const {models, limits} = JSON.parse(document.currentScript.dataset.content);
const find = (id) => document.getElementById(id);
const canvas = find("canvas"), stage = find("stage");
const DELAY = 200; // milliseconds without a stroke after which a drawing is sent
const COLOURS = ["#000000", "#ffffff", "#d62728", "#ff9f1c", "#ffd60a", "#2ca02c", "#1f77b4", "#7b4fbf"];
let file = null; // that was opened, and is sent as it is until it is drawn on
let newest = 0, sending = null, timer = 0, pending = false;

const model = () => models[find("model").selectedIndex];
const direction = () => model().directions[find("direction").selectedIndex];

function say(text) {
  find("message").textContent = text;
  find("message").hidden = !text;
}

const drawing = makeDrawing(canvas, (drawn) => {
  if (drawn) find("hint").hidden = true;
  if (find("live").checked) later();
});

const busy = (is) => find("result").setAttribute("aria-busy", String(is));

function later(delay = DELAY) {
  clearTimeout(timer);
  pending = true;
  busy(true);
  timer = setTimeout(translate, delay);
}

function choose(colour) {
  drawing.tool.colour = colour;
  for (const button of document.querySelectorAll(".colour"))
    button.setAttribute("aria-pressed", String(button.dataset.colour === colour));
  find("custom").value = colour;
}

function use(name) {
  drawing.tool.name = name;
  for (const button of document.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-pressed", String(button.dataset.tool === name));
}

function widen(width) {
  drawing.tool.width = find("width").value = Math.min(64, Math.max(1, width));
  find("pixels").textContent = drawing.tool.width;
}

// The colours to choose from: of the model's classes, else of the image if it has few, else common ones.
function showColours() {
  const {palette, names} = direction().input;
  const found = palette.length ? [] : drawing.colours(24);
  const colours = palette.length ? palette.map(hex) : found.length > 2 ? found : COLOURS;
  const custom = Object.assign(document.createElement("input"), {type: "color", id: "custom", title: "Another colour"});
  custom.addEventListener("input", () => choose(custom.value));
  custom.hidden = palette.length > 0;
  const buttons = colours.map((colour, i) => {
    const button = Object.assign(document.createElement("button"), {type: "button", className: "colour"});
    button.title = button.ariaLabel = names[i] ?? (palette.length ? `class ${i}` : colour);
    button.style.background = button.dataset.colour = colour;
    button.addEventListener("click", () => choose(colour));
    return button;
  });
  find("colours").replaceChildren(...buttons, custom);
  drawing.tool.hard = palette.length > 0 || found.length > 2;
  const usual = colours[palette.length > 1 ? 1 : 0]; // the first class is the ground
  choose(colours.includes(drawing.tool.colour) ? drawing.tool.colour : usual);
}

function hint(text) {
  find("hint").textContent = text;
  find("hint").hidden = !text;
}

function started(text) {
  find("given").textContent = text;
  showColours();
  say("");
}

// An empty sheet, of the first class or white.
function empty() {
  const side = Number(find("sheet").value), [ground] = direction().input.palette;
  file = null;
  drawing.start(side, side, ground ? hex(ground) : "#ffffff");
  hint("Draw here, or drop, paste or open an image.");
  started(`${side} × ${side}`);
  clearResult();
}

async function open(opened) {
  const {max_bytes: bytes, max_pixels: pixels} = limits;
  if (opened.size > bytes) return say(`The file has ${opened.size} bytes; this server takes ${bytes}.`);
  const image = await createImageBitmap(opened).catch(() => null);
  const size = image && `${image.width} × ${image.height}`;
  if (image && image.width * image.height > pixels)
    return say(`The image has ${size} pixels; this server takes ${pixels} in all.`);
  file = opened;
  if (image) drawing.start(image.width, image.height, "#ffffff", image);
  else drawing.start(256, 256, "#ffffff");
  hint(image ? "" : "The browser does not show this file; the server may read it.");
  started(image ? `${size}, ${opened.name || "pasted"}` : opened.name);
  clearResult();
  return translate();
}

function clearResult() {
  newest++; // an answer that is on its way is for another image
  sending?.abort();
  clearTimeout(timer);
  for (const id of ["stage", "compare"]) find(id).hidden = true;
  find("took").textContent = "";
  pending = false;
  busy(false);
}

const copyOf = (shown) => {
  const copy = Object.assign(document.createElement("canvas"), {width: shown.width, height: shown.height});
  copy.getContext("2d").drawImage(shown, 0, 0);
  return copy;
};

async function translate() {
  clearTimeout(timer);
  const number = ++newest;
  pending = false;
  busy(true);
  sending?.abort(); // the server forgets what waits
  sending = new AbortController();
  const whole = file && !drawing.isDrawn(), seen = copyOf(canvas); // what is sent, while the drawing goes on
  const content = whole ? file : await new Promise((done) => seen.toBlob(done, "image/png"));
  const running = find("running");
  try {
    const query = new URLSearchParams({
      direction: direction().direction, [running.name]: running.checked, name: whole ? (file.name ?? "").slice(0, 255) : "",
    });
    const response = await fetch(`v1/models/${encodeURIComponent(model().name)}/translate?${query}`, {
      method: "POST", body: content, signal: sending.signal,
      headers: {"Content-Type": whole ? "application/octet-stream" : "image/png"},
    });
    const wait = Number(response.headers.get("Retry-After") ?? 2);
    if (response.status === 503 && number === newest) later(1000 * wait);
    const answer = response.ok ? await response.blob() : await response.json();
    if (number !== newest) return;
    if (!response.ok) return say(answer.reason);
    say("");
    await show(answer, seen, response.headers.get("Server-Timing") ?? "");
  } catch (error) {
    if (number === newest && error.name !== "AbortError") say("The server does not answer: is it still running?");
  } finally {
    if (number === newest && !pending) busy(false);
  }
}

async function show(answer, seen, timing) {
  const after = find("after"), download = find("download");
  const address = URL.createObjectURL(answer);
  const old = after.src;
  after.src = address;
  await after.decode().catch(() => {});
  if (old) URL.revokeObjectURL(old);
  find("before").replaceWith(Object.assign(seen, {id: "before"}));
  stage.style.setProperty("--ratio", seen.width / seen.height);
  stage.classList.toggle("pixels", after.naturalWidth < 400);
  const took = /total;dur=([\d.]+)/.exec(timing), size = `${after.naturalWidth} × ${after.naturalHeight}`;
  find("took").textContent = took ? `${size}, ${Math.round(took[1])} ms` : size;
  download.href = address;
  const suffix = answer.type === "image/tiff" ? "tif" : "png"; // of values that PNG cannot hold
  download.download = `${(file?.name || "drawing").replace(/\.\w+$/, "")}_${model().name}.${suffix}`;
  if (suffix === "tif") say("Browsers do not show an image of these values: download it.");
  for (const id of ["stage", "compare"]) find(id).hidden = false;
}

const slide = (at) => {
  find("at").value = at;
  stage.style.setProperty("--at", `${Math.min(100, Math.max(0, at))}%`);
  stage.classList.toggle("whole", at < 4);
};

function chooseModel() {
  find("direction").replaceChildren(...model().directions.map((each) => new Option(each.direction)));
  find("ways").hidden = model().directions.length < 2;
  find("modes").hidden = !direction().running_statistics;
  const {minimum} = direction();
  const fits = (side) => side >= Math.max(minimum, 64) && side ** 2 <= limits.max_pixels;
  const usual = [...new Set([minimum, 128, 256, 512])].filter(fits).sort((a, b) => a - b);
  if (!usual.length) usual.push(Math.floor(Math.sqrt(limits.max_pixels)));
  find("sheet").replaceChildren(...usual.map((side) => new Option(`${side} × ${side}`, side)));
  find("sheet").value = usual.includes(256) ? 256 : usual[0];
}

function reopen() { // what was opened or drawn stays, for the other model
  if (drawing.isDrawn() || file) {
    showColours();
    translate();
  } else empty();
}

models.forEach((each) => find("model").append(new Option(each.name)));
find("model").addEventListener("change", () => {
  chooseModel();
  reopen();
});
for (const id of ["direction", "running"]) find(id).addEventListener("change", reopen);
find("file").addEventListener("change", (event) => event.target.files[0] && open(event.target.files[0]));
find("width").addEventListener("input", (event) => widen(Number(event.target.value)));
find("at").addEventListener("input", (event) => slide(Number(event.target.value)));
find("live").checked = recall("live") ?? true;
find("live").addEventListener("change", (event) => {
  remember("live", event.target.checked, true);
  if (event.target.checked && drawing.isDrawn()) translate();
});
const actions = {new: empty, clear: drawing.clear, undo: drawing.undo, redo: drawing.redo, translate};
for (const [id, act] of Object.entries(actions)) find(id).addEventListener("click", () => act());
for (const button of document.querySelectorAll("[data-tool]"))
  button.addEventListener("click", () => use(button.dataset.tool));
drawing.tool.picked = (colour) => {
  choose(colour);
  use("pen");
};

stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  stage.dispatchEvent(new PointerEvent("pointermove", event));
});
stage.addEventListener("pointermove", (event) => {
  if (!stage.hasPointerCapture(event.pointerId)) return;
  const box = stage.getBoundingClientRect();
  slide((100 * (event.clientX - box.left)) / box.width);
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
for (const end of ["dragleave", "drop"]) addEventListener(end, () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  const [dropped] = event.dataTransfer.files;
  if (dropped) open(dropped);
  else say("What was dropped is no file: save the image first, or copy and paste it.");
});
addEventListener("paste", (event) => {
  const [pasted] = event.clipboardData.files;
  if (pasted) open(pasted);
  else say("The clipboard has no image.");
});
const keys = {
  p: () => use("pen"), e: () => use("eraser"), f: () => use("fill"), i: () => use("pick"), n: empty, Enter: translate,
  "[": () => widen(drawing.tool.width - 1), "]": () => widen(drawing.tool.width + 1),
  s: () => slide(Number(find("at").value) < 50 ? 100 : 0),
};
addEventListener("keydown", (event) => {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && ["z", "y"].includes(letter)) {
    event.preventDefault();
    return letter === "y" || event.shiftKey ? drawing.redo() : drawing.undo();
  }
  const own = letter === "Enter" ? "select, input, button, a, summary" : "select"; // keys that an element uses itself
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(own)) return null;
  return keys[letter]?.();
});

chooseModel();
slide(0);
use("pen");
widen(4);
empty();
