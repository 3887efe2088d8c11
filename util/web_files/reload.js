// Loads the page again, and keeps the reader's place: new sections come above those that are read.
"use strict";
{
  const seconds = Number(document.currentScript.dataset.seconds);
  history.scrollRestoration = "manual";
  addEventListener("load", () => {
    const key = "place of " + location.pathname;
    const sections = () => [...document.querySelectorAll("section[id]")];
    try {
      const [id, top] = JSON.parse(sessionStorage.getItem(key));
      const section = sections().find((one) => one.id === id);
      // Again in the next frames: a section has its own height, in place of the estimated one, only once it is drawn.
      const scroll = (frames) => {
        scrollBy({top: section.getBoundingClientRect().top - top, behavior: "instant"});
        if (frames) requestAnimationFrame(() => scroll(frames - 1));
      };
      if (section) scroll(5);
    } catch {}
    setTimeout(() => {
      try {
        const section = scrollY > 0 && sections().find((one) => one.getBoundingClientRect().bottom > 0);
        const place = section ? [section.id, section.getBoundingClientRect().top] : ["", 0];
        sessionStorage.setItem(key, JSON.stringify(place));
      } catch {}
      location.reload();
    }, 1000 * seconds);
  });
}
