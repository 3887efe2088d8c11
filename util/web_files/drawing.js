// A canvas to draw on. makeDrawing(canvas, changed) gives an object; changed(drawn) is called after every change.
const MAX_UNDO = 64 * 2 ** 20; // bytes of earlier states
const SAMPLES = 2 ** 16; // pixels that are looked at for the colours of an image
const NEAR = 48; // levels of 255 between colours that count as one

const hex = (levels) => "#" + levels.slice(0, 3).map((level) => level.toString(16).padStart(2, "0")).join("");

function makeDrawing(canvas, changed) {
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const first = document.createElement("canvas"); // the state to which the eraser returns
  const tool = {name: "pen", colour: "#000000", width: 4, hard: false, picked: () => {}};
  let earlier = [], later = [], last = null, drawn = false;

  const whole = () => context.getImageData(0, 0, canvas.width, canvas.height);
  const keep = (states, state) => {
    states.push(state);
    const bytes = () => states.reduce((sum, each) => sum + each.image.data.length, 0);
    while (states.length > 1 && bytes() > MAX_UNDO) states.shift();
  };
  const step = (from, to) => {
    if (!from.length) return;
    keep(to, {image: whole(), drawn});
    const state = from.pop();
    context.putImageData(state.image, 0, 0);
    drawn = state.drawn;
    changed(drawn);
  };
  const begin = () => {
    keep(earlier, {image: whole(), drawn});
    later = [];
  };

  // The first state: a size with a ground, or an image that a canvas can draw. Transparent parts become white.
  const start = (width, height, ground, image) => {
    for (const each of [first, canvas]) Object.assign(each, {width, height});
    for (const each of [first.getContext("2d"), context]) {
      each.fillStyle = ground;
      each.fillRect(0, 0, width, height);
      if (image) each.drawImage(image, 0, 0);
    }
    canvas.style.setProperty("--ratio", width / height);
    canvas.classList.toggle("pixels", width < 400);
    earlier = [];
    later = [];
    drawn = false;
  };
  const clear = () => {
    begin();
    context.drawImage(first, 0, 0);
    drawn = false;
    changed(drawn);
  };

  // A disc, and a line of discs: without smoothed edges, whose colours would be those of other classes.
  const disc = (x, y) => {
    const radius = tool.width / 2;
    for (let row = Math.round(y - radius); row < y + radius; row++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
      const left = Math.round(x - half);
      context.fillRect(left, row, Math.max(1, Math.round(x + half) - left), 1);
    }
  };
  const line = (from, to) => {
    const style = tool.name === "eraser" ? context.createPattern(first, "no-repeat") : tool.colour;
    Object.assign(context, {fillStyle: style, strokeStyle: style, lineWidth: tool.width, lineCap: "round"});
    if (!tool.hard && tool.name !== "eraser") {
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      return context.stroke();
    }
    const across = to.x - from.x, down = to.y - from.y, count = Math.max(1, Math.ceil(Math.hypot(across, down)));
    for (let i = 0; i <= count; i++) disc(from.x + (across * i) / count, from.y + (down * i) / count);
  };

  // The area of one colour around a point.
  const fill = (point) => {
    const image = whole(), {width, height} = canvas;
    const pixels = new Uint32Array(image.data.buffer);
    const sample = document.createElement("canvas").getContext("2d");
    sample.fillStyle = tool.colour;
    sample.fillRect(0, 0, 1, 1);
    const [colour] = new Uint32Array(sample.getImageData(0, 0, 1, 1).data.buffer);
    const origin = Math.floor(point.y) * width + Math.floor(point.x);
    const old = pixels[origin];
    const todo = old === colour ? [] : [origin];
    while (todo.length) {
      const at = todo.pop();
      if (pixels[at] !== old) continue;
      pixels[at] = colour;
      const x = at % width;
      if (x) todo.push(at - 1);
      if (x < width - 1) todo.push(at + 1);
      if (at >= width) todo.push(at - width);
      if (at < width * (height - 1)) todo.push(at + width);
    }
    context.putImageData(image, 0, 0);
  };
  const pick = ({x, y}) => tool.picked(hex([...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data]));

  const pointOf = (event) => {
    const box = canvas.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
    return {x: across * canvas.width, y: down * canvas.height};
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    const point = pointOf(event);
    if (tool.name === "pick") return pick(point);
    begin();
    drawn = true;
    if (tool.name === "fill") fill(point);
    else {
      canvas.setPointerCapture(event.pointerId);
      line(point, point);
      last = point;
    }
    changed(drawn);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      const point = pointOf(each);
      line(last, point);
      last = point;
    }
    changed(drawn);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });

  // The colours of an image that has few of them, the most frequent first; none for a photograph. A label map has few,
  // also after JPEG, which spreads each a little: colours that are near to a more frequent one do not count.
  const colours = (most) => {
    const pixels = new Uint32Array(whole().data.buffer), stride = Math.ceil(pixels.length / SAMPLES), counts = new Map();
    for (let i = 0; i < pixels.length; i += stride) counts.set(pixels[i], (counts.get(pixels[i]) ?? 0) + 1);
    const found = [];
    let covered = 0;
    for (const [pixel, count] of [...counts].sort((a, b) => b[1] - a[1])) {
      const levels = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
      const near = found.some((other) => Math.hypot(...other.map((level, i) => level - levels[i])) < NEAR);
      if (!near && found.length === most) break;
      if (!near) found.push(levels);
      covered += count * stride;
    }
    return covered < 0.9 * pixels.length ? [] : found.map(hex);
  };
  const undo = () => step(earlier, later);
  const redo = () => step(later, earlier);
  return {tool, start, clear, undo, redo, colours, isDrawn: () => drawn};
}
