const live = document.getElementById("live");
const LIVE_MILLISECONDS = 2000;

function isInUse() { // what is opened, chosen or typed would be lost
  const chosen = [find, only, document.getElementById("shown-effect")].some((each) => each?.value);
  return chosen || document.querySelector("main details[open], main [aria-sort]") !== null;
}

async function follow() {
  try {
    const state = await (await fetch(live.dataset.state)).json();
    document.getElementById("live-text").textContent = state.text;
    const progress = live.querySelector("progress");
    progress.max = Math.max(state.total, 1);
    progress.value = state.done;
    if (state.stamp !== live.dataset.stamp) {
      if (!isInUse()) location.reload(); // the browser keeps the place
      document.getElementById("live-show").hidden = false;
    }
  } catch {
    document.getElementById("live-text").textContent = "darkmagic ui has ended, or does not answer";
  }
  setTimeout(follow, LIVE_MILLISECONDS);
}
document.getElementById("live-show").addEventListener("click", () => location.reload());
setTimeout(follow, LIVE_MILLISECONDS);
