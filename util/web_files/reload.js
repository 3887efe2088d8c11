// Loads the page again, and keeps the reader's place: new sections come above those that are read.
const seconds = Number(document.currentScript.dataset.seconds);
const REST = 3000;  // milliseconds without the reader's hand, after which the page may load again
let touched = 0;

const sections = () => [...document.querySelectorAll("section[id], #charts")].filter((one) => one.offsetHeight);

function restore() {
  const [id, top] = recall("place") ?? [];
  const section = id && document.getElementById(id);
  if (section) scrollBy({top: section.getBoundingClientRect().top - top, behavior: "instant"});
  return Boolean(section);
}

function keep() {
  const section = scrollY > 0 && sections().find((one) => one.getBoundingClientRect().bottom > 0);
  remember("place", section ? [section.id, section.getBoundingClientRect().top] : null);
}

// Not while the reader uses the page, nor while nobody sees it.
function reloadAtRest() {
  const rest = performance.now() - touched;
  if (document.hidden) document.addEventListener("visibilitychange", reloadAtRest, {once: true});
  else if (touched && rest < REST) setTimeout(reloadAtRest, REST - rest);
  else {
    keep();
    location.reload();
  }
}

history.scrollRestoration = "manual";
for (const event of ["pointerdown", "pointermove", "wheel", "touchmove", "keydown", "input"])
  addEventListener(event, () => { touched = performance.now(); }, {passive: true, capture: true});
// A long page may be painted before all of it is read: nothing is shown until the place is there.
if (recall("place")) document.documentElement.style.visibility = "hidden";
addEventListener("DOMContentLoaded", () => {
  restore();
  document.documentElement.style.visibility = "";
});
addEventListener("load", () => {
  // Again in the next frames: a section has its own height, in place of the estimated one, only once it is drawn.
  const settle = (frames) => {
    const isIdle = !touched || performance.now() - touched > 1000;
    if (isIdle && restore() && frames) requestAnimationFrame(() => settle(frames - 1));
    else addEventListener("scrollend", keep);  // when the page is left is too late for its entry in the history
  };
  settle(5);
  setTimeout(reloadAtRest, 1000 * seconds);
});
