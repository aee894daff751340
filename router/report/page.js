"use strict";
(() => {
  const { rows, plots, palettes } = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const STEP = 10;
  let printing = false;

  // All text goes through this function, so that nothing a user of the router wrote becomes markup.
  function element(tag, text = "", attributes = {}, ...children) {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function nameOf(target) {
    const [kind, id] = [target.split(":")[0], target.slice(target.indexOf(":") + 1)];
    if (kind === "category") return `any of ${id}`;
    if (target === "ask") return "a question";
    return target === "none" ? "none of these" : id;
  }

  // Plots. Their colours are names, which are replaced for the theme of the reader.

  function painted(value, palette) {
    if (Array.isArray(value)) return value.map((item) => painted(item, palette));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) =>
        key.includes("color") && typeof item === "string"
          ? [key, palette[item] || item]
          : [key, painted(item, palette)],
      ),
    );
  }

  function layoutOf(layout, palette, named) {
    const family = getComputedStyle(document.body).fontFamily;
    const axis = {
      gridcolor: palette.line, zeroline: false, fixedrange: true,
      ticks: "outside", ticklen: 5, tickcolor: "rgba(0,0,0,0)", // keeps the two zeros apart
      tickfont: { color: palette.soft, size: 12 },
    };
    const titled = (settings, automargin) => ({
      ...axis, automargin, ...settings,
      title: { font: { color: palette.soft, size: 12.5 }, standoff: 8, ...(settings.title || {}) },
    });
    return {
      ...layout,
      xaxis: titled(layout.xaxis, "height"), yaxis: titled(layout.yaxis, "width"),
      font: { family, size: 13, color: palette.ink },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 48, r: 22, t: 8, b: 44 }, dragmode: false, autosize: true,
      hoverlabel: {
        bgcolor: palette.panel, bordercolor: palette.line, align: "left",
        font: { family, size: 13, color: palette.ink },
      },
      legend: { orientation: "h", x: 0, y: 1.03, yanchor: "bottom", font: { size: 12.5, color: palette.soft } },
      showlegend: named,
    };
  }

  // The plots' library is packed within the page, because it is large. Without it, or in a browser
  // that can't unpack it, the numbers below each plot are still there.
  async function unpack(id) {
    const packed = atob(document.getElementById(id).textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = element("script", await new Response(unpacked).text());
    document.head.append(script);
  }

  function draw() {
    if (!window.Plotly) return;
    const palette = dark.matches && !printing ? palettes.dark : palettes.light;
    for (const holder of document.querySelectorAll("[data-plot]")) {
      const { data, layout } = plots[holder.dataset.plot];
      const shown = layoutOf(painted(layout, palette), palette, data.length > 1);
      if (printing) shown.width = 640;
      const days = shown.xaxis.tickvals;
      if (days && holder.clientWidth < 480) shown.xaxis.tickvals = days.filter((_, i) => i % 2 === 0);
      Plotly.react(holder, painted(data, palette), shown, { displayModeBar: false, responsive: true });
    }
  }

  function numbers(details) {
    const { data, layout } = plots[details.dataset.numbers];
    const share = (value) => (typeof value === "number" ? `${(100 * value).toFixed(1)}%` : value);
    const holder = element("div", "", { class: "holder", tabindex: "0" });
    for (const trace of data.filter((trace) => trace.hoverinfo !== "skip")) {
      const head = element("tr", "", {}, ...[layout.xaxis.title?.text || "time", trace.name || layout.yaxis.title?.text]
        .map((text) => element("th", text, { scope: "col" })));
      const body = trace.x.map((x, i) =>
        element("tr", "", {}, element("td", share(x)), element("td", share(trace.y[i]))));
      holder.append(element("table", "", {}, element("thead", "", {}, head), element("tbody", "", {}, ...body)));
    }
    details.append(holder);
  }

  // What goes on to the right fades out there: a phone shows no scroll bar until one scrolls.

  for (const box of document.querySelectorAll(".scroll")) {
    const hint = () => box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 1);
    box.addEventListener("scroll", hint, { passive: true });
    new ResizeObserver(hint).observe(box);
  }

  // The table of queries.

  const form = document.getElementById("filters");
  const body = document.querySelector("#table tbody");
  const labelled = Boolean(form.elements.wanted);
  let most = STEP;
  for (const row of rows) {
    const exemplars = row.nearest.flatMap((near) => (near ? [near[1]] : []));
    row.words = [row.text, row.decided, row.label || "", ...exemplars].join("\n").toLowerCase();
  }
  for (const field of ["wanted", "given"]) {
    if (!form.elements[field]) continue;
    const targets = [...new Set(rows.map((row) => row[field]))].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    form.elements[field].append(...targets.map((value) => element("option", nameOf(value), { value })));
  }

  const orders = {
    sure: (a, b) => b.confidence - a.confidence || a.line - b.line,
    unsure: (a, b) => a.confidence - b.confidence || a.line - b.line,
    often: (a, b) => b.count - a.count || a.line - b.line,
    line: (a, b) => a.line - b.line,
  };

  const isMistake = (row) => row.outcome === "wrong" || row.outcome === "asked";

  function chosen() {
    const { search, outcome, wanted, given, sort } = Object.fromEntries(new FormData(form));
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) =>
      (!outcome || row.outcome === outcome || (outcome === "mistakes" && isMistake(row))) &&
      (!wanted || row.wanted === wanted) && (!given || row.given === given) &&
      words.every((word) => row.words.includes(word));
    return rows.filter(fits).sort(orders[sort]);
  }

  function nearest(row) {
    const parts = [["Closest of what was wanted", row.nearest[0]], ["Closest of what was decided", row.nearest[1]]]
      .filter(([, near]) => near)
      .flatMap(([title, [target, text, cosine]]) => [
        element("dt", `${title}: ${nameOf(target)}, cosine ${cosine.toFixed(2)}`), element("dd", text),
      ]);
    if (!parts.length) return [];
    const open = form.elements.nearest?.checked || printing ? { open: "" } : {};
    return [element("details", "", open, element("summary", "Closest exemplars"), element("dl", "", {}, ...parts))];
  }

  function lineOf(row) {
    const at = [`line ${row.line.toLocaleString("en")}`, row.day, row.count > 1 ? `${row.count} times` : ""];
    const side = element("span", at.filter(Boolean).join(" · "), { class: "side" });
    const query = element("td", "", {}, element("span", row.text, { class: "text" }), side, ...nearest(row));
    const silent = row.outcome === "wrong";
    const decided = element("td", "", { "data-title": "Decided" }, element("span", row.decided, silent ? { class: "wrong" } : {}));
    const sure = element("td", `${Math.round(100 * row.confidence)}%`, { class: "number", "data-title": "Confidence" });
    const wanted = labelled ? [element("td", row.label || "no label", { "data-title": "Wanted" })] : [];
    return element("tr", "", {}, query, ...wanted, decided, sure);
  }

  function show() {
    const matches = chosen();
    body.replaceChildren(...matches.slice(0, most).map(lineOf));
    const shown = Math.min(most, matches.length);
    document.getElementById("count").textContent =
      matches.length ? `${shown.toLocaleString("en")} of ${matches.length.toLocaleString("en")} shown` : "No query matches these filters.";
    document.getElementById("more").hidden = matches.length <= most;
    for (const cell of document.querySelectorAll(".matrix button")) {
      const { wanted, given } = form.elements;
      const here = cell.dataset.wanted === wanted.value && cell.dataset.given === given.value;
      cell.setAttribute("aria-pressed", String(here));
    }
  }

  // The mistakes as CSV. A cell that a spreadsheet would take for a formula gets an apostrophe.

  function cellOf(value) {
    const text = String(value ?? "");
    return `"${(/^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
  }
  function download() {
    const fields = ["line", "text", "label", "decided", "outcome", "confidence", "count"];
    const lines = [fields, ...rows.filter(isMistake).map((row) => fields.map((field) => row[field]))];
    const csv = lines.map((line) => line.map(cellOf).join(",")).join("\r\n") + "\r\n";
    const url = URL.createObjectURL(new Blob(["\ufeff", csv], { type: "text/csv" }));
    element("a", "", { href: url, download: "mistakes.csv" }).click();
    URL.revokeObjectURL(url);
  }
  document.getElementById("download")?.addEventListener("click", download);

  function again() { most = STEP; show(); }
  form.addEventListener("input", again);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(again));
  document.getElementById("more").addEventListener("click", () => { most += 4 * STEP; show(); });

  // The confusion matrix. A cell filters the table by its queries.

  const readout = document.getElementById("readout");
  function describe(event) {
    const cell = event.target.closest("button");
    if (cell) readout.textContent = cell.getAttribute("aria-label");
  }
  function choose({ wanted, given }) {
    form.reset();
    setTimeout(() => {
      form.elements.outcome.value = "";
      form.elements.wanted.value = wanted;
      form.elements.given.value = given;
      again();
      const title = document.getElementById("queries-title");
      title.focus({ preventScroll: true });
      title.scrollIntoView();
    });
  }
  for (const matrix of document.querySelectorAll(".matrix")) {
    matrix.addEventListener("pointerover", describe);
    matrix.addEventListener("focusin", describe);
  }
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-wanted][data-given]");
    if (cell) {
      event.preventDefault();
      choose(cell.dataset);
    }
  });

  for (const details of document.querySelectorAll("[data-numbers]")) {
    details.addEventListener("toggle", () => numbers(details), { once: true });
  }
  dark.addEventListener("change", draw);
  addEventListener("beforeprint", () => { printing = true; show(); draw(); });
  addEventListener("afterprint", () => { printing = false; show(); draw(); });
  show();
  unpack("plotly").then(draw);
})();
