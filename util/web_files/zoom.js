// Enlarges the images of a row at the same place: pressed once, they follow the pointer, and pressed again, they rest.
const SCALE = 4;
for (const row of document.querySelectorAll(".zoomed-together")) {
  const images = [...row.querySelectorAll("img")];
  const point = (event) => {
    const box = event.target.closest("figure > *").getBoundingClientRect();
    const part = (at, start, size) => `${Math.min(100, Math.max(0, (100 * (at - start)) / size))}%`;
    const origin = `${part(event.clientX, box.left, box.width)} ${part(event.clientY, box.top, box.height)}`;
    for (const image of images) image.style.transformOrigin = origin;
  };
  const zoom = (on) => {
    row.classList.toggle("zoomed", on);
    for (const image of images) image.style.transform = on ? `scale(${SCALE})` : "";
  };
  row.addEventListener("click", (event) => {
    if (!event.target.closest(".frame")) return;
    point(event);
    zoom(!row.classList.contains("zoomed"));
  });
  row.addEventListener("pointermove", (event) => {
    if (row.classList.contains("zoomed") && event.target.closest(".frame")) point(event);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") zoom(false);
  });
}
