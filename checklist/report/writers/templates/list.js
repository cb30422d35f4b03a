const LIST_MILLISECONDS = 2000;
const list = document.querySelector("main");
const listState = document.getElementById("list-state");
let shown = list.innerHTML;

async function renew() {
  try {
    const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
    const now = page.querySelector("main").innerHTML;
    if (now !== shown) { // or else what is selected or in focus would be lost
      const focused = document.activeElement.getAttribute("href");
      list.innerHTML = now;
      if (focused) [...list.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
    shown = now;
    listState.textContent = "";
  } catch {
    listState.textContent = "darkmagic ui has ended, or does not answer";
  }
  setTimeout(renew, LIST_MILLISECONDS);
}
renew();
