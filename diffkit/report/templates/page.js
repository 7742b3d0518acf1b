// Draw the figures of the page, in its light or dark look, and again when that changes.
(function () {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const drawings = read("drawings");
  const templates = read("templates");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  // A finger that scrolls past a figure must not zoom it.
  const touch = window.matchMedia("(pointer: coarse)").matches;

  function draw(element) {
    const drawing = drawings[Number(element.dataset.drawing)];
    const layout = Object.assign({}, drawing.layout, {
      template: templates[dark.matches ? "dark" : "light"],
      autosize: true,
    });
    delete layout.width;
    if (layout.height) element.style.height = layout.height + "px";
    if (touch) layout.dragmode = false;
    const config = { responsive: true, displayModeBar: false };
    Plotly.react(element, drawing.data, layout, config);
  }

  const drawAll = () => document.querySelectorAll(".plot").forEach(draw);
  drawAll();
  dark.addEventListener("change", drawAll);
})();
