// Draws the figures of a page: each function below takes a run, the cases that are chosen and a width, and gives an
// SVG. Colours are the page's own variables, so that a change of theme needs no new drawing.
"use strict";

const Figures = (() => {
  const SERIES = 6;
  const DASHES = [null, "7 3", "2 3", "9 3 2 3", "4 4", "1 4"];
  const number = new Intl.NumberFormat("en", {maximumSignificantDigits: 4});
  const rate = (value) => new Intl.NumberFormat("en", {maximumSignificantDigits: 3}).format(value);
  const BASE = {color: {type: "identity"}, marginBottom: 36, style: {fontSize: "12px"}};
  const QUIET = {fill: "var(--quiet)"};
  const GRID = {stroke: "var(--line)", strokeOpacity: 1};

  // Foreign text keeps its direction to itself, and never outgrows the drawing.
  const isolated = (text) => `\u2068${text}\u2069`;
  function shortened(text, width) {
    const most = Math.max(12, Math.floor(width / 6.8));
    if (text.length <= most) return text;
    return `${text.slice(0, Math.ceil(most * 0.6) - 1)}…${text.slice(text.length - Math.floor(most * 0.4))}`;
  }

  // Up to six cases of a group have a colour each; more have a panel for each client and a colour for each loop.
  function scheme(run) {
    const series = [...new Set(run.cases.map((one) => one.series))];
    const inOne = series.length <= SERIES;
    const loops = [...new Set(run.cases.map((one) => one.loop))];
    const place = (one) => (inOne ? series.indexOf(one.series) : loops.indexOf(one.loop));
    return {
      name: (one) => (inOne ? one.series : one.loop),
      colour: (one) => `var(--c${place(one) % SERIES})`,
      dash: (one) => DASHES[place(one) % DASHES.length],
      panel: (one) => (inOne ? "" : one.client_label),
    };
  }

  function legend(run, cases, isDashed) {
    const look = scheme(run);
    const found = new Map(cases.map((one) => [look.name(one), {colour: look.colour(one), dash: isDashed ? look.dash(one) : null}]));
    return [...found].map(([name, {colour, dash}]) => ({name, colour, dash}));
  }

  // An axis with our own words at our own ticks: on a logarithmic scale Plot would leave some of them out.
  const axis = (ticks, words, label) =>
    Charts.axisX(ticks, {text: words, label, labelArrow: "none", labelAnchor: "center"});

  // Ticks that leave each other room on an axis of this width, those that come first being kept first.
  function apart(values, scale, least) {
    const kept = [];
    for (const value of values) if (kept.every((one) => Math.abs(scale(one) - scale(value)) >= least)) kept.push(value);
    return kept;
  }

  const panels = (cases, look) => [...new Set(cases.map(look.panel))];
  function panelled(names, width) {
    if (names.length === 1 && names[0] === "") return {options: {}, marks: []};
    return {
      options: {fy: {domain: names, axis: null, padding: 0.24}},
      marks: [
        Charts.text(names, {fy: (name) => name, text: (name) => isolated(shortened(name, width)), frameAnchor: "top-left",
          dy: -15, fontWeight: 600}),
      ],
    };
  }

  // One line a case along x; ``points`` have x, y, a piece that no line crosses, and what to say of them.
  function lines({run, cases, points, width, x, y, rules = [], height = 240, dots = true}) {
    const look = scheme(run);
    const names = panels(cases, look);
    const {options, marks} = panelled(names, width);
    const byCase = Map.groupBy ? Map.groupBy(points, (point) => point.of) : grouped(points);
    const drawn = cases.flatMap((one) => {
      const own = byCase.get(one) ?? [];
      const at = {x: "x", y: "y", fy: () => look.panel(one)};
      return [
        Charts.line(own, {...at, z: "piece", stroke: look.colour(one), strokeWidth: dots ? 1 : 1.8, strokeOpacity: dots ? 0.6 : 1,
          strokeDasharray: dots ? null : look.dash(one), ariaLabel: () => one.series}),
        ...(dots ? [Charts.dot(own, {...at, r: 1.9, fill: look.colour(one), ariaLabel: () => one.series})] : []),
      ];
    });
    return Charts.plot({
      ...BASE, ...options, width, marginLeft: 52, marginTop: names.length === 1 ? 12 : 26, marginRight: 12,
      height: names.length === 1 ? height : 60 + names.length * 170,
      x, y,
      marks: [
        Charts.gridY(GRID),
        ...rules,
        ...drawn,
        ...marks,
        Charts.tip(points, Charts.pointer({x: "x", y: "y", fy: (point) => look.panel(point.of), title: "said",
          fill: "var(--paper)", stroke: "var(--quiet)"})),
      ],
    });
  }

  function grouped(points) {
    const found = new Map();
    for (const point of points) found.set(point.of, [...(found.get(point.of) ?? []), point]);
    return found;
  }

  // A row for each item, under the name of its place where there are several: its words beside its mark, or above it
  // where there is no room. What ``figure`` says is never shortened. ``marks`` get the slot of an item on the y axis.
  function rows(items, {width, x, ticks, tickWords, label, marks, name, figure}) {
    const isWide = width >= 640;
    const margin = isWide ? Math.min(400, Math.round(width * 0.42)) : 4;
    const [height, dy] = isWide ? [28, 0] : [42, 8];
    const places = new Map();
    for (const item of items) places.set(item.place, [...(places.get(item.place) ?? []), item]);
    const lines = places.size === 1 ? items : [...places].flatMap(([heading, own]) => [{heading}, ...own]);
    const slots = new Map(lines.map((line, index) => [line, index]));
    const words = (item) => {
      const end = figure(item);
      return `${isolated(shortened(name(item), (isWide ? margin : width) - end.length * 6.8 - 34))}   ${end}`;
    };
    const beside = {frameAnchor: "left", textAnchor: "start", dx: isWide ? 4 - margin : 0, fill: "var(--ink)",
      stroke: "var(--paper)", strokeWidth: 4};
    return Charts.plot({
      ...BASE, width, height: lines.length * height + 44, marginLeft: margin, marginRight: 16, marginTop: 4,
      x: {...x, axis: null},
      y: {type: "band", domain: lines.map((_, index) => index), axis: null, padding: 0},
      marks: [
        Array.isArray(ticks) ? Charts.gridX(ticks, GRID) : Charts.gridX({...GRID, ticks}),
        Array.isArray(ticks) ? axis(ticks, tickWords, label)
          : Charts.axisX({ticks, label, labelArrow: "none", labelAnchor: "center"}),
        ...marks((item) => slots.get(item), dy),
        Charts.text(items, {...beside, y: (item) => slots.get(item), text: words, dy: isWide ? 0 : -height / 2 + 11}),
        Charts.text(lines.filter((line) => line.heading), {...beside, y: (line) => slots.get(line), dy: 4, fontWeight: 600,
          text: (line) => isolated(shortened(line.heading, width))}),
      ],
    });
  }

  function ratio(run, cases, {width}) {
    const chosen = new Set(cases.map((one) => one.case));
    const items = run.ratios.filter((one) => one.cases.every((number_) => chosen.has(number_)));
    if (items.length === 0) return null;
    const ends = items.flatMap((one) => [one.ratio, one.low ?? one.ratio, one.high ?? one.ratio, 1]);
    if (run.margin) ends.push(1 / (1 + run.margin), 1 + run.margin);
    const [low, high] = [Math.min(...ends) / 1.04, Math.max(...ends) * 1.04];
    const usual = [1, 2, 0.5, 1.5, 3, 4, 5, 10, 0.25, 0.1, 0.75, 1.25, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 20, 50, 100, 0.05];
    const scale = (value) => ((width >= 640 ? width * 0.58 : width) * Math.log(value / low)) / Math.log(high / low);
    const ticks = apart(usual.filter((value) => value >= low && value <= high), scale, 40);
    const interval = (one) => one.low === null ? one.ratio.toFixed(3)
      : `${one.ratio.toFixed(3)} [${one.low.toFixed(3)}, ${one.high.toFixed(3)}]`;
    const told = (one) => one.low !== null && (one.low > 1 || one.high < 1);
    const colour = (one) => (told(one) ? "var(--c0)" : "var(--quiet)");
    const against = [...new Set(items.map((one) => one.against))];
    return rows(items, {
      width,
      name: (one) => one.label,
      figure: (one) => (one.verdict ? `${interval(one)}, ${one.verdict}` : interval(one)),
      x: {type: "log", domain: [low, high]},
      ticks,
      tickWords: (value) => `${value}`,
      label: against.length === 1 ? `times the rate of ${shortened(against[0], width / 2 - 160)}` : "times the rate",
      marks: (slot, dy) => [
        ...(run.margin ? [Charts.rectX([0], {x1: 1 / (1 + run.margin), x2: 1 + run.margin, fill: "var(--card)"})] : []),
        Charts.ruleX([1], {stroke: "var(--ink)"}),
        Charts.link(items.filter((one) => one.low !== null), {x1: "low", x2: "high", y1: slot, y2: slot,
          dy, stroke: colour, strokeWidth: 3, strokeLinecap: "round"}),
        Charts.dot(items, {x: "ratio", y: slot, dy, r: 5, fill: colour, stroke: "var(--paper)",
          strokeWidth: 1.5, ariaLabel: (one) => `${one.place}: ${one.label}: ${interval(one)}`}),
      ],
    });
  }

  function cpu(run, cases, {width}) {
    const items = cases.filter((one) => one.cpu).map((one) => ({...one, place: one.group}));
    if (items.length === 0) return null;
    const parts = items.flatMap((one) => ["user", "system", "broker"].filter((part) => part in one.cpu)
      .map((part) => ({of: one, part, value: one.cpu[part], name: one.label})));
    const total = (one) => Object.values(one.cpu).reduce((sum, value) => sum + value, 0);
    return rows(items, {
      width,
      name: (one) => one.series,
      figure: (one) => `${number.format(total(one))} us`,
      x: {zero: true, nice: true},
      ticks: Math.max(3, Math.floor(width / 130)),
      label: "us a message",
      marks: (slot, dy) => [
        Charts.barX(parts, {x: "value", y: (one) => slot(one.of), fill: (one) => `var(--${one.part})`, insetTop: dy ? 22 : 5,
          insetBottom: dy ? 4 : 5, insetRight: 1,
          ariaLabel: (one) => `${one.name}, ${one.part}: ${number.format(one.value)} us`}),
      ],
    });
  }

  function sweep(run, cases, {width, index}) {
    const {field, curves} = run.sweeps[index];
    const look = scheme(run);
    const chosen = new Map(cases.map((one) => [one.case, one]));
    const points = curves.flatMap((curve, line) => curve.points.filter((point) => chosen.has(point.case)).map((point) => ({
      ...point, y: point.rate, of: chosen.get(point.case), piece: line, isKnee: point.x === curve.knee,
      said: `${shortened(chosen.get(point.case).series, 300)}\n${field} = ${number.format(point.x)}\n`
        + `${rate(point.rate)} messages/s${point.low === null ? "" : ` [${rate(point.low)}, ${rate(point.high)}]`}`,
    })));
    if (points.length === 0) return null;
    const values = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
    const isLog = values[0] > 0 && values.at(-1) / values[0] >= 20;
    const along = isLog ? Math.log : (value) => value;
    const scale = (value) => ((width - 70) * (along(value) - along(values[0]))) / (along(values.at(-1)) - along(values[0]) || 1);
    const names = panels(cases, look);
    const {options, marks} = panelled(names, width);
    const series = [...new Set(points.map((point) => point.piece))];
    const drawn = series.flatMap((piece, place) => {
      const own = points.filter((point) => point.piece === piece);
      const {of} = own[0];
      // Lines stand a little beside each other, so that their intervals can be told apart.
      const at = {x: "x", y: "y", fy: () => look.panel(of), dx: (place - (series.length - 1) / 2) * 5};
      const stroke = look.colour(of);
      return [
        Charts.ruleX(own.filter((point) => point.low !== null), {...at, y: undefined, y1: "low", y2: "high", stroke,
          strokeOpacity: 0.5, strokeWidth: 2.5}),
        Charts.line(own, {...at, stroke, strokeDasharray: look.dash(of), strokeWidth: 1.8}),
        Charts.dot(own, {...at, r: 3.2, fill: stroke, ariaLabel: (point) => point.said.replaceAll("\n", ", ")}),
        Charts.dot(own.filter((point) => point.isKnee), {...at, r: 8, stroke, strokeWidth: 1.6,
          ariaLabel: (point) => `knee: ${point.x}`}),
      ];
    });
    return Charts.plot({
      ...BASE, ...options, width, marginLeft: 58, marginTop: names.length === 1 ? 12 : 26, marginRight: 16,
      height: names.length === 1 ? 300 : 60 + names.length * 180,
      x: {type: isLog ? "log" : "linear", axis: null, inset: 10},
      y: {zero: true, nice: true, label: null, ticks: 5, tickFormat: rate},
      marks: [
        Charts.gridY(GRID),
        axis(apart(values, scale, 40), (value) => number.format(value), field),
        ...drawn,
        ...marks,
        Charts.tip(points, Charts.pointer({x: "x", y: "y", fy: (point) => look.panel(point.of), title: "said",
          fill: "var(--paper)", stroke: "var(--quiet)"})),
      ],
    });
  }

  // The steps of a schedule side by side: a dot for each round of a case, beside the bar of what was due if that is known.
  function byStep(column, due, unit) {
    return (run, cases, {width}) => {
      const look = scheme(run);
      const chosen = new Map(cases.map((one, place) => [one.case, {of: one, place}]));
      const own = run.steps.filter((step) => chosen.has(step.case));
      const points = own.filter((step) => step[column] !== null).map((step) => {
        const {of, place} = chosen.get(step.case);
        return {
          ...step, of, y: step[column], isShort: column === "rate" && step.kept === false,
          x: step.step + (cases.length === 1 ? 0 : 0.6 * (place / (cases.length - 1) - 0.5)),
          said: `${shortened(of.series, 300)}\n${step.rates}, round ${step.round}\n${number.format(step[column])} ${unit}`
            + (due && step.due !== null ? `, ${number.format(step.due)} due` : ""),
        };
      });
      if (points.length === 0) return null;
      const names = panels(cases, look);
      const {options, marks} = panelled(names, width);
      const words = new Map(own.map((step) => [step.step, step.rates]));
      const count = Math.max(...words.keys());
      const slot = (width - 74) / count;
      const hasRoom = [...words.values()].every((text) => text.length * 6.8 < slot);
      const every = Math.max(1, Math.ceil(22 / slot));
      const bars = due ? names.flatMap((panel) => [...words.keys()].flatMap((step) => {
        const asked = own.find((one) => one.step === step && one.due !== null && look.panel(chosen.get(one.case).of) === panel);
        return asked ? [{panel, y: asked.due, x1: step - 0.42, x2: step + 0.42}] : [];
      })) : [];
      return Charts.plot({
        ...BASE, ...options, width, marginLeft: 58, marginTop: names.length === 1 ? 12 : 26, marginRight: 16,
        height: names.length === 1 ? 260 : 60 + names.length * 170,
        x: {domain: [0.5, count + 0.5], axis: null},
        y: {zero: true, nice: true, label: null, ticks: 5, tickFormat: (value) => number.format(value)},
        marks: [
          Charts.gridY(GRID),
          axis([...words.keys()].filter((step) => (step - 1) % every === 0), (step) => (hasRoom ? words.get(step) : `${step}`),
            hasRoom ? "step" : "number of the step"),
          Charts.link(bars, {x1: "x1", x2: "x2", y1: "y", y2: "y", fy: (bar) => bar.panel, stroke: "var(--quiet)", strokeWidth: 2.5}),
          Charts.dot(points, {x: "x", y: "y", fy: (point) => look.panel(point.of), r: 3.4, stroke: (point) => look.colour(point.of),
            strokeWidth: 1.5, fill: (point) => (point.isShort ? "var(--paper)" : look.colour(point.of)),
            ariaLabel: (point) => point.said.replaceAll("\n", ", ")}),
          ...marks,
          Charts.tip(points, Charts.pointer({x: "x", y: "y", fy: (point) => look.panel(point.of), title: "said",
            fill: "var(--paper)", stroke: "var(--quiet)"})),
        ],
      });
    };
  }

  // Slices in the order in which they were taken; x is the measured time of the group until then.
  function timeline(run, cases, column, scaled, unit) {
    const known = new Map(run.cases.filter((one) => one.group === cases[0].group).map((one) => [one.case, one]));
    const chosen = new Set(cases);
    const points = [];
    const rounds = [];
    let elapsed = 0;
    for (const slice of run.slices) {
      const of = known.get(Number(slice.case));
      if (of === undefined) continue;
      if (rounds.at(-1)?.round !== slice.round) rounds.push({round: slice.round, x: elapsed});
      elapsed += Number(slice.elapsed_s);
      if (!chosen.has(of) || slice[column] === "" || slice[column] === undefined) continue;
      const y = Number(slice[column]) * scaled;
      points.push({x: elapsed, y, of, piece: `${slice.round}/${slice.block}`,
        said: `${shortened(of.series, 300)}\nround ${slice.round}, slice ${slice.slice}\n${number.format(y)} ${unit}`});
    }
    return {points, rounds};
  }

  function alongTime(column, scaled, unit) {
    return (run, cases, {width}) => {
      if (cases.length === 0) return null;
      const {points, rounds} = timeline(run, cases, column, scaled, unit);
      if (points.length === 0) return null;
      const last = points.at(-1).x;
      const named = apart(rounds.map((one) => one.x), (x) => (x / last) * (width - 64), 20);
      return lines({
        run, cases, points, width,
        x: {label: "measured time, s", labelArrow: "none", labelAnchor: "center", ticks: Math.max(3, Math.floor(width / 90))},
        y: {zero: true, nice: true, label: null, ticks: 5, tickFormat: (value) => number.format(value)},
        rules: [
          Charts.ruleX(rounds.slice(1), {x: "x", stroke: "var(--line)"}),
          ...(rounds.length > 1 ? [Charts.text(rounds.filter((one) => named.includes(one.x)), {x: "x",
            text: (one) => (one === rounds[0] && width > 500 ? `round ${one.round}` : one.round),
            frameAnchor: "top-left", dx: 4, dy: 2, fontSize: 10, ...QUIET})] : []),
        ],
      });
    };
  }

  function percentiles(run, cases, {width, metric}) {
    const curves = run.curves[metric] ?? {};
    const points = cases.flatMap((of) => (curves[of.case] ?? []).map(([x, us]) => ({
      x, y: us / 1000, of, piece: "",
      said: `${shortened(of.series, 300)}\n${number.format(100 * (1 - 1 / x))} % within ${number.format(us / 1000)} ms`,
    })));
    if (points.length === 0) return null;
    const shown = cases.filter((of) => curves[of.case]);
    const most = Math.max(...points.map((point) => point.x));
    const names = {1: "0 %", 2: "50 %", 10: "90 %", 100: "99 %", 1000: "99.9 %", 10000: "99.99 %", 100000: "99.999 %"};
    const scale = (value) => ((width - 64) * Math.log(value)) / Math.log(most);
    const ticks = apart([10, 100, 1000, 10000, 100000, 2, 1].filter((value) => value <= most), scale, 46);
    const medians = shown.map((of) => points.find((point) => point.of === of && point.x >= 2)?.y ?? Infinity);
    const isLog = Math.max(...points.map((point) => point.y)) / Math.min(...medians) > 40;
    return lines({
      run, cases: shown, points, width, dots: false, height: 300,
      x: {type: "log", domain: [1, most], axis: null},
      y: {type: isLog ? "log" : "linear", zero: !isLog, nice: !isLog, label: null, ticks: 5, tickFormat: (value) => number.format(value)},
      rules: [Charts.gridX(ticks, GRID), axis(ticks, (value) => names[value], "messages within")],
    });
  }

  return {
    legend,
    draw: {
      ratio, cpu, sweep, percentiles,
      steps: byStep("rate", true, "messages/s"),
      stepwaits: byStep("p99", false, "ms"),
      slices: alongTime("rate_per_s", 1, "messages/s"),
      waits: alongTime("latency_p50_us", 0.001, "ms"),
    },
  };
})();
