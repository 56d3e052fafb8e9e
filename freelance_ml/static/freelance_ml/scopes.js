// The draft of a scope: an item moves by Alt with an arrow, or by its grip under a mouse, a pen or a finger.
"use strict";

const EDGE = 72; // pixels from the window's edge at which it scrolls along
let drag = null;

document.addEventListener("keydown", (event) => {
  if (drag && event.key === "Escape") end(false);
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const item = event.target.closest?.("[data-item]");
  if (!item) return;
  event.preventDefault();
  item.querySelector(`button[value=${event.key === "ArrowUp" ? "up" : "down"}]:not([disabled])`)?.click();
});

// What is missing leads to its field, and a blank is chosen there: to type is to fill it.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".findings a");
  const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!field) return;
  event.preventDefault();
  field.closest("details")?.setAttribute("open", "");
  field.focus({ preventScroll: true });
  field.scrollIntoView({ block: "center" });
  const blank = /\[[a-z][a-z ]*\]/.exec(field.value);
  if (blank) field.setSelectionRange(blank.index, blank.index + blank[0].length);
});

// What could not be saved says so where it was typed, until it is: the margin speaks of the last change alone.
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt: form, xhr } = event.detail;
  if (!form.matches(".scope-draft form.scope-item")) return;
  form.querySelector(".unsaved-note")?.remove();
  form.classList.toggle("unsaved", xhr.status === 422);
  if (xhr.status !== 422) return;
  const note = document.createElement("p");
  note.className = "field-error unsaved-note";
  note.textContent = document.querySelector("#scope-margin .tone-bad").textContent.trim();
  form.append(note);
});
addEventListener("beforeunload", (event) => document.querySelector(".unsaved") && event.preventDefault());

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.("[data-grip]");
  if (!grip || event.button !== 0 || drag) return;
  document.activeElement?.blur(); // what is being typed is saved first
  const row = grip.closest("li");
  const rows = [...row.parentElement.children];
  drag = { grip, row, rows, from: rows.indexOf(row), to: rows.indexOf(row), start: event.clientY + scrollY, y: event.clientY };
  drag.middles = rows.map((one) => one.getBoundingClientRect()).map((box) => box.top + box.height / 2 + scrollY);
  grip.setPointerCapture(event.pointerId);
  row.classList.add("dragged");
  drag.frame = requestAnimationFrame(follow);
});

document.addEventListener("pointermove", (event) => {
  if (drag) drag.y = event.clientY;
});
document.addEventListener("pointerup", () => drag && end(true));
document.addEventListener("pointercancel", () => drag && end(false));

// Keep the item under the pointer, scroll at the edges, and show where it would come to stand.
function follow() {
  if (drag.y < EDGE) scrollBy(0, -8);
  else if (drag.y > innerHeight - EDGE) scrollBy(0, 8);
  const moved = drag.y + scrollY - drag.start;
  const middle = drag.middles[drag.from] + moved;
  drag.to = drag.middles.filter((other, place) => place !== drag.from && other < middle).length;
  drag.row.style.transform = `translateY(${moved}px)`;
  drag.rows.forEach((row, place) => {
    row.classList.toggle("drop-above", place === drag.to && drag.to < drag.from);
    row.classList.toggle("drop-below", place === drag.to && drag.to > drag.from);
  });
  drag.frame = requestAnimationFrame(follow);
}

function end(kept) {
  const { row, rows, from, to, frame } = drag;
  drag = null;
  cancelAnimationFrame(frame);
  row.style.transform = "";
  rows.forEach((one) => one.classList.remove("dragged", "drop-above", "drop-below"));
  if (!kept || to === from || !row.isConnected) return;
  rows[to][to < from ? "before" : "after"](row);
  row.querySelector("input[name=steps]").value = to - from;
  row.querySelector("button[value=move]").click();
}
