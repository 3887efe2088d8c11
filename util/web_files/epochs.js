// The images of all epochs become part of the page when they are opened: of a long training they are many.
const details = document.currentScript.previousElementSibling;

function fill() {
  const [sections] = details.getElementsByTagName("noscript");
  if (sections) sections.replaceWith(document.createRange().createContextualFragment(sections.textContent));
}

details.open = recall("opened") ?? details.open;
if (details.open) fill();
details.addEventListener("toggle", () => {
  if (details.open) fill();
  remember("opened", details.open);
});
