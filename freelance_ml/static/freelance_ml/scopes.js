// The draft of a scope by keyboard: Alt with an arrow moves the item that is being written.
"use strict";

document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const item = event.target.closest?.("[data-item]");
  if (!item) return;
  event.preventDefault();
  item.querySelector(`button[value=${event.key === "ArrowUp" ? "up" : "down"}]:not([disabled])`)?.click();
});
