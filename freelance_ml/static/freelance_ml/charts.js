// Draws the charts of a page: the spec lies in a template beside the place, as htmx takes every script out of what it brings.
"use strict";

const night = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.bsTheme;
  return chosen ? chosen === "dark" : night.matches;
}

async function drawChart(place) {
  const { spec, light, dark } = JSON.parse(document.getElementById(place.dataset.chart).content.textContent);
  const theme = isDark() ? dark : light;
  const columns = Math.max(1, Math.floor(place.clientWidth / 150)); // a legend wraps instead of being cut off
  const config = { ...theme, legend: { ...theme.legend, columns } };
  const compiled = vegaLite.compile(spec, { config }).spec;
  const runtime = vega.parse(compiled, null, { ast: true });
  const view = new vega.View(runtime, { expr: vegaInterpreter, renderer: "svg", container: place, hover: false });
  await view.runAsync();
  place.querySelector("svg").setAttribute("aria-hidden", "true"); // the place around it speaks for it, once
  place.dataset.drawn = "yes";
}

function drawAll() {
  document.querySelectorAll("[data-chart]").forEach((place) => {
    place.replaceChildren();
    drawChart(place).catch(() => {
      place.textContent = "The chart could not be drawn; its figures are in the table below.";
    });
  });
}

drawAll();
night.addEventListener("change", drawAll);
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.querySelector?.("[data-chart]:not([data-drawn])")) drawAll();
});
