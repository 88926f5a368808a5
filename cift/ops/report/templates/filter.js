"use strict";
// Without this script the whole table is shown; with it, a verdict or a word narrows it.
const rows = [...document.querySelectorAll("#checks tbody tr")];
const buttons = [...document.querySelectorAll("#filter button")];
const words = document.querySelector("#filter input");
function apply() {
  const chosen = buttons.find((button) => button.getAttribute("aria-pressed") === "true").dataset.verdict;
  const wanted = words.value.toLowerCase();
  let shown = 0;
  for (const row of rows) {
    row.hidden = (chosen !== "all" && row.dataset.verdict !== chosen) || !row.textContent.toLowerCase().includes(wanted);
    shown += !row.hidden;
  }
  document.querySelector("#shown").textContent = `${shown} of ${rows.length} checks`;
}
if (words) {
  document.querySelector("#filter").hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      apply();
    });
  }
  words.addEventListener("input", apply);
  apply();
}
