// The viewer of a test's page: the images of one result, all at the same place and scale.
// makeViewer({first, second, next}) gives open(result, label). A result is {name, metrics, section}; next(result, step)
// is the result before or after it and its place on the page; first and second are the labels that are compared at first.
const MAX_SCALE = 64, BLINK = 600; // pixels of the screen for one of an image; milliseconds

const imagesOf = (section) =>
  [...section.querySelectorAll("figure")].map((figure) => {
    const image = figure.querySelector("img");
    const label = figure.querySelector("figcaption").textContent;
    return {label, src: image.src, width: Number(image.getAttribute("width")), height: Number(image.getAttribute("height"))};
  });

// An element with a class, a text and children.
const element = (name, className = "", text = "", ...children) => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  made.append(...children);
  return made;
};

// How the stage is divided among so many images of one size: the number of columns that shows them largest.
const columnsFor = (count, size, box) => {
  const scale = (columns) =>
    Math.min(box.width / columns / size.width, box.height / Math.ceil(count / columns) / size.height);
  return Array.from({length: count}, (_, i) => i + 1).reduce((best, n) => (scale(n) > scale(best) ? n : best));
};

function makeViewer({first, second, next}) {
  const dialog = document.getElementById("viewer");
  const find = (selector) => dialog.querySelector(selector);
  const stage = find(".stage");
  const view = {mode: "slider", pair: [first, second], at: 50, scale: 1, x: 0, y: 0, fitted: true, timer: 0};
  let result, images, size; // of the images: that of the largest, to which the others are stretched

  const panes = () => [...stage.querySelectorAll(".pane")];
  const bounds = () => panes()[0].getBoundingClientRect();
  const chosen = () => view.pair.map((label) => images.find((image) => image.label === label) || images[0]);

  // Places all images; an image that is smaller than its pane is in its middle, a larger one leaves no border.
  const place = () => {
    const box = bounds();
    const within = (at, part, whole) => (part <= whole ? (whole - part) / 2 : Math.min(0, Math.max(whole - part, at)));
    view.x = within(view.x, size.width * view.scale, box.width);
    view.y = within(view.y, size.height * view.scale, box.height);
    for (const image of stage.querySelectorAll("img"))
      image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    stage.classList.toggle("pixels", view.scale >= 1);
    find(".zoom output").textContent = `${Math.round(100 * view.scale)} %`;
  };
  // The whole image; one that is smaller than its pane is enlarged to pixels of equal size on the screen.
  const fittingScale = () => {
    const box = bounds();
    const scale = Math.min(box.width / size.width, box.height / size.height);
    return scale > 1 ? Math.floor(scale * devicePixelRatio) / devicePixelRatio : scale;
  };
  const fit = () => {
    view.scale = fittingScale();
    view.fitted = true;
    place();
  };
  // Enlarges by a factor around a point of a pane.
  const zoom = (factor, point = {x: bounds().width / 2, y: bounds().height / 2}) => {
    const scale = Math.min(MAX_SCALE, Math.max(Math.min(fittingScale(), 1) / 2, view.scale * factor));
    view.x = point.x - ((point.x - view.x) * scale) / view.scale;
    view.y = point.y - ((point.y - view.y) * scale) / view.scale;
    view.scale = scale;
    view.fitted = false;
    place();
  };

  const layer = (image) => {
    const shown = element("img");
    shown.src = image.src;
    shown.alt = image.label;
    shown.draggable = false;
    Object.assign(shown.style, {width: `${size.width}px`, height: `${size.height}px`});
    return element("div", "layer", "", shown);
  };
  const step = () => {
    const layers = [...stage.querySelectorAll(".layer")];
    const current = layers[0].classList.contains("current") ? 1 : 0;
    layers.forEach((one, i) => one.classList.toggle("current", i === current));
    stage.querySelector(".caption").textContent = chosen()[current].label;
  };
  const stopBlinking = () => clearInterval(view.timer);
  const slide = (at) => {
    view.at = Math.min(100, Math.max(0, at));
    stage.style.setProperty("--at", `${view.at}%`);
  };

  const fillPair = () => {
    const [one, other] = chosen();
    const captions = view.mode === "difference" ? [`| ${one.label} − ${other.label} |`] : [one.label, other.label];
    const pane = element("div", "pane", "", layer(one), layer(other), element("span", "caption", captions[0]));
    if (view.mode === "slider") pane.append(element("span", "caption right", captions[1]), element("div", "divider"));
    stage.style.gridTemplateColumns = "1fr";
    stage.replaceChildren(pane);
    if (view.mode === "blink") {
      step();
      view.timer = setInterval(step, BLINK);
    }
  };
  const fillAll = () => {
    const columns = columnsFor(images.length, size, stage.getBoundingClientRect());
    stage.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    const pane = (image) => element("div", "pane", "", layer(image), element("span", "caption", image.label));
    stage.replaceChildren(...images.map(pane));
  };
  // Builds the stage for the result and the mode.
  const fill = () => {
    stopBlinking();
    stage.className = `stage ${view.mode}`;
    (view.mode === "all" ? fillAll : fillPair)();
    for (const button of dialog.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", String(button.dataset.mode === view.mode));
    find(".pair").hidden = view.mode === "all";
    dialog.querySelectorAll("select").forEach((select, side) => {
      select.replaceChildren(...images.map((image) => new Option(image.label)));
      select.value = chosen()[side].label;
    });
    slide(view.at);
    if (view.fitted) fit();
    else place();
  };
  const setMode = (mode) => {
    const divided = [view.mode, mode].includes("all"); // panes get another size
    view.mode = images.length > 1 ? mode : "all";
    view.fitted ||= divided;
    fill();
  };
  const choose = (side, label) => {
    view.pair[side] = label;
    fill();
  };
  const swap = () => {
    view.pair.reverse();
    fill();
  };

  const show = (shown) => {
    result = shown;
    const before = size;
    images = imagesOf(result.section);
    size = images.reduce((most, image) => (image.width * image.height > most.width * most.height ? image : most));
    view.fitted ||= !before || before.width !== size.width || before.height !== size.height;
    find(".title h3").textContent = result.name;
    find(".metrics").textContent = [...result.section.querySelectorAll("h2 small")].map((one) => one.textContent).join(" · ");
    const {position, count} = next(result, 0);
    find(".place").textContent = `${position + 1} of ${count.toLocaleString("en")}`;
    setMode(view.mode);
    for (const way of [1, -1]) { // the files of its neighbours are read before they are shown
      const neighbour = next(result, way).result;
      if (neighbour) for (const image of imagesOf(neighbour.section)) new Image().src = image.src;
    }
  };
  const go = (way) => {
    const neighbour = next(result, way).result;
    if (neighbour) show(neighbour);
  };

  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const {mode, step: way, zoom: factor} = button.dataset;
    if (mode) setMode(mode);
    else if (way) go(Number(way));
    else if (factor) factor === "fit" ? fit() : zoom(Number(factor));
    else if ("swaps" in button.dataset) swap();
    else if ("closes" in button.dataset) dialog.close();
    stage.focus(); // so that the space bar is a key of the viewer, and not of the button
  });
  dialog.addEventListener("change", (event) => {
    choose(Number(event.target.dataset.side), event.target.value);
    stage.focus();
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // again, before this event was sent
    stopBlinking();
    stage.replaceChildren();
    result.section.scrollIntoView({block: "nearest"});
    result.section.querySelector("figure:not([hidden]) a").focus();
  });
  addEventListener("resize", () => dialog.open && fill());

  const keys = {
    ArrowLeft: () => go(-1), ArrowRight: () => go(1), s: () => setMode("slider"), b: () => setMode("blink"),
    d: () => setMode("difference"), a: () => setMode("all"), x: swap, "[": () => slide(view.at - 5),
    "]": () => slide(view.at + 5), "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), 0: fit,
    " ": () => {
      if (view.mode !== "blink") return;
      stopBlinking();
      step();
    },
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    const digit = /^Digit([1-9])$/.exec(event.code); // not by the character: with Shift it is another one
    const image = digit && images[Number(digit[1]) - 1];
    const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (image) choose(event.shiftKey ? 0 : 1, image.label);
    else if (key && !(event.key === " " && event.target.matches("button"))) key();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  movable(stage, {
    pan: (dx, dy) => {
      view.x += dx;
      view.y += dy;
      place();
    },
    zoom,
    slides: (target) => view.mode === "slider" && (target.closest(".divider") || view.scale <= fittingScale()),
    slide: (part) => slide(100 * part),
    rest: () => (view.scale > fittingScale() ? fit() : null),
  });

  return (shown, label) => {
    if (!dialog.open) dialog.showModal();
    if (label && !view.pair.includes(label)) view.pair = [label, second]; // beside the output
    view.fitted = true;
    show(shown);
    stage.focus();
  };
}
