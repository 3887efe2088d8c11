// Pointers and the wheel on a stage: one pointer pans, or slides; two zoom around their middle.
function movable(stage, {pan, zoom, slides, slide, rest}) {
  const pointers = new Map();
  let sliding = false;
  // A point of the screen within the pane under it.
  const within = (x, y) => {
    const boxes = [...stage.querySelectorAll(".pane")].map((pane) => pane.getBoundingClientRect());
    const under = (box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    const box = boxes.find(under) || boxes[0];
    return {x: x - box.left, y: y - box.top, part: (x - box.left) / box.width};
  };
  const spread = () => {
    const [one, other = one] = [...pointers.values()];
    return {x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, length: Math.hypot(one.x - other.x, one.y - other.y)};
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    sliding = !pointers.size && Boolean(slides(event.target));
    pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
    stage.setPointerCapture(event.pointerId);
    if (sliding && !event.target.closest(".divider")) slide(within(event.clientX, event.clientY).part);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = spread();
    pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
    const now = spread();
    if (pointers.size === 1 && sliding) return slide(within(now.x, now.y).part);
    pan(now.x - before.x, now.y - before.y);
    if (before.length) zoom(now.length / before.length, within(now.x, now.y));
  });
  for (const end of ["pointerup", "pointercancel"])
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  stage.addEventListener("dblclick", (event) => rest() === null && zoom(4, within(event.clientX, event.clientY)));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1; // some browsers count lines instead of pixels
      zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), within(event.clientX, event.clientY));
    },
    {passive: false},
  );
}
