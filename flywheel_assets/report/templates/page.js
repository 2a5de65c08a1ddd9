"use strict";
/* Draws the page's charts in its own colours, again whenever width, scheme or medium changes, marks the boxes whose
   table goes on to the right, and narrows the tables that can be searched. */
(function () {
  const NARROW = 560;
  const PAPER_WIDTH = 660;
  const FIRST_ROWS = 25;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const print = window.matchMedia("print");
  const plots = Array.from(document.querySelectorAll(".plot"));

  function coloured(value, style, key) {
    if (Array.isArray(value)) return value.map((one) => coloured(one, style, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, style, k)]));
    }
    if (typeof value !== "string" || !/color$/i.test(key) || !value.startsWith("--")) return value;
    const [name, alpha] = value.split("/");
    const hex = style.getPropertyValue(name).trim();
    if (!alpha) return hex;
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    return "rgba(" + r + "," + g + "," + b + "," + alpha + ")";
  }

  function draw(plot, width) {
    const both = JSON.parse(document.getElementById(plot.id + "-data").textContent);
    const narrow = width < NARROW;
    const style = getComputedStyle(document.documentElement);
    const figure = coloured(narrow ? both.narrow : both.wide, style, "");
    figure.layout.width = width;
    figure.layout.font.family = getComputedStyle(document.body).fontFamily;
    plot.querySelectorAll(".undrawn").forEach((one) => one.remove());
    plot.style.minHeight = figure.layout.height + "px";
    plot.dataset.width = width;
    Plotly.purge(plot); // a Sankey that is drawn over another moves there slowly, and paper does not wait
    return Plotly.newPlot(plot, figure.data, figure.layout, { displayModeBar: false });
  }

  function drawAll(width) {
    return Promise.all(plots.map((plot) => draw(plot, width || Math.floor(plot.clientWidth))));
  }

  let opened = [];
  function toPaper() {
    document.documentElement.classList.add("paper"); // light, whatever the screen is
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach((one) => (one.open = true));
    drawAll(PAPER_WIDTH);
  }
  function toScreen() {
    document.documentElement.classList.remove("paper");
    opened.forEach((one) => (one.open = false));
    opened = [];
    drawAll();
  }

  function markMore(box) {
    box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 1);
  }
  const sized = new ResizeObserver((changes) => changes.forEach((one) => markMore(one.target)));
  document.querySelectorAll(".scroll").forEach((box) => {
    sized.observe(box); // also when it opens
    box.addEventListener("scroll", () => markMore(box), { passive: true });
  });

  document.querySelectorAll(".finder").forEach((finder) => {
    const [controls, input, clear, status, all] = [".controls", "input", ".clear", "[role=status]", ".all"].map((one) => finder.querySelector(one));
    const selects = Array.from(finder.querySelectorAll("select"));
    const rows = Array.from(finder.querySelectorAll("tbody tr"));
    let most = FIRST_ROWS;
    function narrow() {
      const wanted = input.value.trim().toLowerCase();
      const fitting = rows.filter((row) => {
        row.hidden =
          !row.querySelector("th").textContent.toLowerCase().includes(wanted) ||
          selects.some((one) => one.value && row.cells[one.dataset.column].textContent !== one.value);
        return !row.hidden;
      });
      fitting.forEach((row, place) => row.classList.toggle("later", place >= most));
      all.hidden = fitting.length <= most;
      all.textContent = "Show all " + fitting.length.toLocaleString("en");
      status.textContent =
        fitting.length.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " " + finder.dataset.things +
        (all.hidden ? "" : "; the first " + most + " are shown");
      clear.disabled = !wanted && selects.every((one) => !one.value);
    }
    controls.addEventListener("input", narrow);
    clear.addEventListener("click", () => {
      input.value = "";
      selects.forEach((one) => (one.value = ""));
      narrow();
      input.focus();
    });
    all.addEventListener("click", () => {
      const next = finder.querySelector(".later:not([hidden]) a");
      most = rows.length;
      narrow();
      if (next) next.focus();
    });
    controls.hidden = false;
    narrow(); // a browser that comes back may have kept what was typed
  });

  window.addEventListener("hashchange", (event) => {
    if (document.querySelector(".view:target")) return;
    const left = document.querySelector('.finder a[href="' + new URL(event.oldURL).hash.replace(/[^#\w-]/g, "") + '"]');
    if (!left) return;
    if (left.closest(".later")) left.closest(".finder").querySelector(".all").click();
    left.focus(); // back where the reader was
  });

  if (plots.length && typeof Plotly === "undefined") return;
  drawAll().then(() => (document.documentElement.dataset.drawn = "yes"));
  dark.addEventListener("change", () => drawAll());
  window.addEventListener("beforeprint", toPaper);
  window.addEventListener("afterprint", toScreen);
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (print.matches) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      plots.filter((plot) => Number(plot.dataset.width) !== Math.floor(plot.clientWidth)).forEach((plot) => draw(plot, Math.floor(plot.clientWidth)));
    }, 120);
  });
})();
