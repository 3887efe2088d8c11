// What a reader chose: kept in the tab's history entry over reloads, and where the browser allows it for later visits.
const choices = () => history.state?.choices ?? {};

function recall(name) {
  if (name in choices()) return choices()[name];
  try {
    return JSON.parse(localStorage.getItem("pixlate " + name));
  } catch {
    return null;
  }
}

// `forLater`: not for this page alone, but for all.
function remember(name, value, forLater = false) {
  try {
    history.replaceState({choices: {...choices(), [name]: value}}, "");
    if (forLater) localStorage.setItem("pixlate " + name, JSON.stringify(value));
  } catch {}
}
