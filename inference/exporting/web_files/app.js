// The page: takes an image, has it translated by the worker, and shows both with a slider.
"use strict";
{
const find = (name) => document.getElementById(name);
const MOST_BYTES = 50e6, MOST_PIXELS = 50e6; // of a file that is opened
const ENLARGED = 480; // pixels of the screen to which smaller outputs are enlarged
let model, worker, ready = false, busy = false, waiting, current; // waiting: the image to translate next

const say = (text, error = false) => {
  find("status").textContent = text;
  find("status").classList.toggle("error", error);
};

// A word on what went wrong: sentences of this page are errors of their own class.
class Refused extends Error {}
const fail = (error) => {
  find("progress").hidden = true;
  say(error instanceof Refused ? error.message : `It did not work: ${error.message || error}`, true);
};

const context = (canvas) => canvas.getContext("2d", {willReadFrequently: true, colorSpace: "srgb"});

// An image on a canvas of its own, in another size. Transparent parts become white.
const drawnOf = (image, width, height) => {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const drawn = context(canvas);
  drawn.imageSmoothingQuality = "high";
  drawn.fillStyle = "#ffffff";
  drawn.fillRect(0, 0, width, height);
  drawn.drawImage(image, 0, 0, width, height);
  return canvas;
};

// The pixels H×W×C of a canvas as the model takes them.
const pixelsOf = (canvas) => {
  const {width, height} = canvas;
  const rgba = context(canvas).getImageData(0, 0, width, height).data;
  const channels = model.channels[0], pixels = new Uint8Array(width * height * channels);
  for (let i = 0, j = 0; i < rgba.length; i += 4, j += channels) {
    const [r, g, b] = [rgba[i], rgba[i + 1], rgba[i + 2]];
    if (channels === 1) pixels[j] = (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16; // the weights of ITU-R BT.601
    else pixels.set([r, g, b], j);
  }
  return pixels;
};

const show = ({pixels, width, height, seconds}) => {
  const canvas = find("after"), channels = model.channels[1];
  const before = find("before");
  [before.width, before.height] = [current.input.width, current.input.height];
  context(before).drawImage(current.input, 0, 0);
  const image = new ImageData(width, height);
  for (let i = 0, j = 0; i < image.data.length; i += 4, j += channels)
    for (let c = 0; c < 4; c++) image.data[i + c] = c === 3 ? 255 : pixels[j + Math.min(c, channels - 1)];
  canvas.width = width;
  canvas.height = height;
  context(canvas).putImageData(image, 0, 0);
  find("view").style.width = `${Math.max(width, ENLARGED)}px`; // the style sheet limits it to the room that there is
  find("result").hidden = false;
  slide();
  canvas.toBlob((blob) => {
    const link = find("download");
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(blob);
    link.download = `${current.name.replace(/\.[^.]*$/, "") || "image"}_translated.png`;
  });
  say(`${width} × ${height} pixels in ${seconds.toFixed(1)} s${current.note}`);
};

const slide = () => {
  const at = Number(find("slider").value);
  find("before").style.clipPath = `inset(0 ${100 - at}% 0 0)`;
  find("line").style.left = `calc(${at}% - 1px)`;
};

// Translates one image; what comes while the model computes waits, and only the newest is kept.
const translate = async (blob, name) => {
  waiting = {blob, name};
  if (!ready || busy) return;
  busy = true;
  while (waiting) {
    const next = waiting;
    waiting = undefined;
    await once(next).catch(fail);
  }
  busy = false;
};

const once = async ({blob, name}) => {
  if (blob.size > MOST_BYTES) throw new Refused(`${name} is larger than ${MOST_BYTES / 1e6} MB: choose a smaller file.`);
  say(`Reading ${name} …`);
  const image = await createImageBitmap(blob).catch(() => {
    throw new Refused(`${name} is no image that this browser can read: choose a PNG, JPEG or WebP file.`);
  });
  if (image.width * image.height > MOST_PIXELS)
    throw new Refused(`${name} has more than ${MOST_PIXELS / 1e6} megapixels: choose a smaller image.`);
  const scale = Math.min(1, Number(find("side").value) / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
  const input = drawnOf(image, width, height), pixels = pixelsOf(input);
  current = {blob, name, input, note: scale < 1 ? `; reduced from ${image.width} × ${image.height}` : ""};
  image.close();
  say(`Translating ${name} …`);
  show(await ask({pixels, width, height}, [pixels.buffer]));
};

// Sends the worker a message; its answer comes as a promise. It may tell its progress before.
const ask = (message, transferred = []) => new Promise((resolve, reject) => {
  worker.onerror = (event) => reject(new Error(event.message || "the script of the model cannot be loaded"));
  worker.onmessage = ({data}) => {
    if (data.progress !== undefined) return void (find("progress").value = data.progress);
    if (data.error) reject(data.missing ? new Refused(data.error) : new Error(data.error));
    else resolve(data);
  };
  worker.postMessage(message, transferred);
});

const describe = () => {
  document.title = model.title;
  find("title").textContent = model.title;
  for (const [name, value] of Object.entries(model.about)) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    find("facts").append(term, text);
  }
  for (const side of model.sides) find("side").append(new Option(`${side} px`, side, false, side === model.side));
  for (const name of model.examples) {
    const [button, image] = [document.createElement("button"), document.createElement("img")];
    button.type = "button";
    image.src = name;
    image.alt = `example ${find("examples").children.length}`;
    button.append(image);
    button.onclick = () => fetch(name).then((answer) => answer.blob()).then((blob) => translate(blob, image.alt)).catch(fail);
    find("examples").append(button);
    find("examples").hidden = false;
  }
};

const listen = () => {
  const take = (list) => {
    const file = [...list].find((one) => one.type.startsWith("image/")) || list[0];
    if (file) translate(file, file.name || "the image");
  };
  find("file").onchange = ({target}) => {
    take(target.files);
    target.value = ""; // so that the same file can be chosen again
  };
  const dragging = (on) => document.body.classList.toggle("dragging", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    dragging(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || dragging(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  find("side").onchange = () => current && translate(current.blob, current.name);
  find("slider").oninput = slide;
};

const start = async () => {
  if (location.protocol === "file:")
    throw new Refused("This page needs a web server: run 'python -m http.server' in its folder, and open localhost:8000.");
  say("Loading the model …");
  const answer = await fetch("model.json");
  if (!answer.ok) throw new Refused("model.json is missing: the folder of this page is not complete.");
  model = await answer.json();
  describe();
  listen();
  find("input").hidden = false;
  find("progress").hidden = false;
  worker = new Worker("worker.js", {type: "module"});
  await ask({model});
  find("progress").hidden = true;
  say("The model is ready.");
  ready = true;
  if (waiting) translate(waiting.blob, waiting.name);
};

start().catch(fail);
}
