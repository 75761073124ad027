// What a page does: it draws its figures, and lets a reader filter, download and choose the theme.
"use strict";

(() => {
  const GROUPED = new Set(["slices", "waits", "percentiles", "steps", "stepwaits"]);
  const form = document.getElementById("filters");
  const runs = [...document.querySelectorAll("article.run")].map((article) => ({article, run: read(article)}));
  const figures = runs.flatMap(({article, run}) => {
    const counts = {};
    return [...article.querySelectorAll("figure.chart")].map((element) => {
      const kind = element.dataset.chart;
      counts[kind] = (counts[kind] ?? -1) + 1;
      return {element, run, kind, index: counts[kind], group: null, metric: null};
    });
  });

  function read(article) {
    const run = JSON.parse(article.querySelector("script.data").textContent);
    const [names = [], ...rows] = Charts.csvParseRows(run.files["slices.csv"] ?? "");
    run.slices = rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
    return run;
  }

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function choices() {
    const checked = (name) => form?.querySelector(`[name=${name}]`)
      ? new Set([...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value)) : null;
    return {client: checked("client"), loop: checked("loop"), place: form?.elements.place?.value ?? ""};
  }

  function isChosen({client, loop, scenario, place}, choice) {
    if (client !== undefined && choice.client && !choice.client.has(client)) return false;
    if (loop !== undefined && choice.loop && !choice.loop.has(loop)) return false;
    if (scenario === undefined || choice.place === "") return true;
    if (choice.place.startsWith("s:")) return choice.place === `s:${scenario}`;
    return place === undefined ? choice.place.startsWith(`p:${scenario}`) : choice.place === `p:${place}`;
  }

  // A menu in a figure's controls, made once and kept while it offers the same.
  function menu(figure, name, words, options, chosen, change) {
    const controls = figure.element.querySelector(".controls");
    let select = controls.querySelector(`[name=${name}]`);
    const values = options.map(([value]) => value);
    if (options.length < 2) {
      select?.closest("label").remove();
      return values[0] ?? null;
    }
    const key = JSON.stringify(values);
    if (select?.dataset.key !== key) {
      select?.closest("label").remove();
      select = element("select", {name}, ...options.map(([value, shown]) => element("option", {value}, shown)));
      select.dataset.key = key;
      select.addEventListener("change", () => { change(select.value); draw(figure, choices()); });
      controls.append(element("label", {}, words, select));
    }
    const value = values.includes(chosen) ? chosen : values[0];
    select.value = value;
    return value;
  }

  function draw(figure, choice) {
    const {run, kind} = figure;
    const drawing = figure.element.querySelector(".drawing");
    let cases = run.cases.filter((one) => isChosen(one, choice));
    let curves = null;
    if (kind === "percentiles") {
      const metrics = Object.keys(run.curves).map((name) => [name, run.metrics[name] ?? name]);
      figure.metric = menu(figure, "metric", "Latency", metrics, figure.metric, (value) => { figure.metric = value; });
      curves = run.curves[figure.metric] ?? {};
    }
    if (GROUPED.has(kind)) {
      const stepped = kind.startsWith("step") ? new Set(run.steps.map((step) => step.case)) : null;
      cases = cases.filter((one) => (!curves || curves[one.case]) && (!stepped || stepped.has(one.case)));
      const groups = [...new Set(cases.map((one) => one.group))];
      figure.group = menu(figure, "group", "Shown", groups.map((name) => [name, name]), figure.group,
        (value) => { figure.group = value; });
      cases = cases.filter((one) => one.group === figure.group);
    }
    if (kind === "sweep") {
      const own = new Set(run.sweeps[figure.index].curves.flatMap((curve) => curve.points.map((point) => point.case)));
      cases = cases.filter((one) => own.has(one.case));
    }
    const svg = cases.length === 0 ? null
      : Figures.draw[kind](run, cases, {width: Math.max(280, drawing.clientWidth), index: figure.index, metric: figure.metric});
    if (svg === null) {
      drawing.replaceChildren(element("p", {className: "none-chosen"}, "Nothing that is chosen has figures here."));
    } else {
      // An image has one name of its own, and its parts none: theirs are kept as data.
      for (const part of svg.querySelectorAll("[aria-label]")) {
        part.dataset.label = part.getAttribute("aria-label");
        part.removeAttribute("aria-label");
      }
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${figure.element.querySelector("figcaption").textContent}; the numbers are in the table below`);
      drawing.replaceChildren(svg);
    }
    key(figure, svg === null ? [] : cases);
  }

  function key(figure, cases) {
    const entries = figure.kind === "ratio" ? []
      : figure.kind === "cpu"
        ? [["user", "client, user"], ["system", "client, system"], ["broker", "broker"]]
          .filter(([part]) => cases.some((one) => one.cpu && part in one.cpu))
          .map(([part, name]) => ({name, colour: `var(--${part})`, isBar: true}))
        : Figures.legend(figure.run, cases, figure.kind === "percentiles" || figure.kind === "sweep");
    figure.element.querySelector(".legend").replaceChildren(...entries.map(({name, colour, dash, isBar}) => {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      for (const [attribute, value] of [["width", 26], ["height", 10], ["aria-hidden", "true"]]) svg.setAttribute(attribute, value);
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      const look = {x1: 1, x2: 25, y1: 5, y2: 5, stroke: colour, "stroke-width": isBar ? 9 : 2.5, "stroke-dasharray": dash};
      for (const [attribute, value] of Object.entries(look)) if (value) line.setAttribute(attribute, value);
      svg.append(line);
      return element("span", {}, svg, element("bdi", {title: name}, name));
    }));
  }

  function drawAll() {
    const choice = choices();
    for (const figure of figures) draw(figure, choice);
  }

  function filter() {
    const choice = choices();
    for (const one of document.querySelectorAll("[data-client], [data-loop], [data-scenario]")) {
      if (one.matches("figure, article")) continue;
      one.hidden = !isChosen(one.dataset, choice);
    }
    const cases = runs.flatMap(({run}) => run.cases);
    const shown = cases.filter((one) => isChosen(one, choice)).length;
    document.getElementById("filtered").textContent = `${shown} of ${cases.length} cases`;
    drawAll();
  }

  function download(name, text) {
    const url = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
    element("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function offerThemes() {
    const button = document.getElementById("theme");
    const root = document.documentElement;
    const media = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ?? (media.matches ? "dark" : "light")) === "dark";
    const show = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    try { if (localStorage.mqbenchTheme) root.dataset.theme = localStorage.mqbenchTheme; } catch { /* no storage here */ }
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.mqbenchTheme = root.dataset.theme; } catch { /* chosen for this view alone */ }
      show();
    });
    media.addEventListener("change", show);
    button.hidden = false;
    show();
  }

  offerThemes();
  for (const {article, run} of runs) {
    for (const button of article.querySelectorAll("button[data-file]")) {
      button.hidden = false;
      button.addEventListener("click", () => download(`${run.name}-${button.dataset.file}`, run.files[button.dataset.file]));
    }
  }
  if (form) {
    form.hidden = false;
    form.addEventListener("change", filter);
    filter();
  } else {
    drawAll();
  }
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.printed")) details.open = true;
  });
})();
