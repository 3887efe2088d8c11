// The held-out images of every epoch under one slider. The page comes with those of the newest epoch.
const section = document.currentScript.parentElement;
const {epochs, rows} = JSON.parse(section.dataset.content);
const [controls] = section.getElementsByClassName("controls");
const [slider] = controls.querySelectorAll("[type=range]");
const [compare] = controls.querySelectorAll("[type=checkbox]");
const [output] = controls.getElementsByTagName("output");
const samples = [...section.querySelectorAll(".sample > .row")];
const newest = epochs.length - 1;
const loaded = new Map();  // images of neighbours, which the browser keeps as long as they are here

const fileOf = (pattern, epoch) => pattern.replace("epoch#_", `epoch${String(epoch).padStart(3, "0")}_`);
const isThere = (row, epoch) => !rows[row].missing.includes(epoch);

// An image that is decoded before it is shown: nothing flashes. Of several that were asked for, the last is shown.
async function put(image, file) {
  image.dataset.file = file;
  const next = new Image();
  next.src = file;
  await next.decode().catch(() => {});
  if (image.dataset.file === file) image.src = image.parentElement.href = file;
}

function fill(row, number, epoch) {
  row.classList.toggle("missing", !isThere(number, epoch));
  row.querySelectorAll("img").forEach((image, i) => {
    if (isThere(number, epoch)) put(image, fileOf(rows[number].images[i], epoch));
  });
}

// A second row below each, with the images of the first epoch; inputs and ground truths are the same, and left out.
const firsts = samples.map((row, number) => {
  const first = row.cloneNode(true);
  first.hidden = true;
  for (const figure of first.children) {
    const caption = figure.querySelector("figcaption");
    figure.classList.toggle("same", /^real/.test(caption.textContent));
    caption.textContent += `, epoch ${epochs.find((epoch) => isThere(number, epoch))}`;
  }
  return first;
});

function show(position) {
  const epoch = epochs[position];
  slider.value = position;
  slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
  section.querySelector("h2").textContent = `held-out images, epoch ${epoch}`;
  output.textContent = `${epoch} of ${epochs[newest]}${position === newest ? ", the newest" : ""}`;
  samples.forEach((row, number) => fill(row, number, epoch));
  firsts.forEach((row) => { row.hidden = !compare.checked; });
  remember("held-out", {epoch: position === newest ? null : epoch, compare: compare.checked});
  for (const near of [position - 1, position + 1, position + 2].filter((one) => epochs[one])) {
    rows.forEach((row, number) => {
      if (!isThere(number, epochs[near])) return;
      for (const pattern of row.images) {
        const file = fileOf(pattern, epochs[near]);
        if (!loaded.has(file)) loaded.set(file, Object.assign(new Image(), {src: file}));
      }
    });
  }
  while (loaded.size > 300) loaded.delete(loaded.keys().next().value);
}

const move = (steps) => show(Math.min(newest, Math.max(0, +slider.value + steps)));

if (newest > 0) {
  samples.forEach((row, number) => {
    fill(firsts[number], number, epochs.find((epoch) => isThere(number, epoch)));
    row.after(firsts[number]);
  });
  controls.hidden = false;
  slider.max = newest;
  slider.addEventListener("input", () => show(+slider.value));
  compare.addEventListener("input", () => show(+slider.value));
  controls.querySelector("[name=back]").addEventListener("click", () => move(-1));
  controls.querySelector("[name=on]").addEventListener("click", () => move(1));
  document.addEventListener("keydown", (event) => {
    const steps = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    const elsewhere = event.target.closest("input, .plot") || event.ctrlKey || event.altKey || event.metaKey;
    if (steps && !elsewhere) move(steps);
  });
  const before = recall("held-out");
  compare.checked = before?.compare ?? false;
  const position = epochs.indexOf(before?.epoch ?? epochs[newest]);
  show(position < 0 ? newest : position);
}
