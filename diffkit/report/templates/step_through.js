// Go through a recorded trace: its values, its tangents or its adjoints, one term at a time.
(function () {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const lines = data.lines;
  const results = data.results;
  const live = data.reason === "";
  const root = document.documentElement;
  const PACE = 1400; // milliseconds a step while it plays
  const TOLERANCE = 0.02; // of a guess, relative to the number

  const numeric = (v) => (typeof v === "number" ? v : { "∞": Infinity, "−∞": -Infinity, nan: NaN }[v] ?? v);
  const recorded = lines.map((line) => numeric(line.value));
  let point = recorded.slice(0, data.inputs);
  let mode = "evaluate";
  let seed = 0;
  let position = 0;
  let timer = null;
  let revealed = new Set();
  let model = null;
  let steps = [];

  // --- numbers ---------------------------------------------------------------------------

  function shown(v) {
    if (typeof v === "boolean") return v ? "true" : "false";
    if (typeof v !== "number") return v === null || v === undefined ? "–" : String(v);
    if (Number.isNaN(v)) return "not a number";
    if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
    if (v === 0) return "0";
    const size = Math.abs(v);
    const text = size >= 1e6 || size < 1e-4
      ? v.toExponential(5).replace(/\.?0+e/, "e").replace("e+", "e")
      : String(Number(v.toPrecision(6)));
    return text.replace(/-/g, "−");
  }
  const factor = (v) => (typeof v === "number" && (v < 0 || Object.is(v, -0)) ? `(${shown(v)})` : shown(v));
  const whole = (v) => (typeof v === "number" ? String(v) : shown(v));

  // --- the trace at a point --------------------------------------------------------------

  // Values and slopes of all lines: as recorded, or computed where a slider has been moved.
  function evaluate() {
    const values = lines.map((line, k) => (k < data.inputs ? point[k] : recorded[k]));
    const slopes = lines.map((line) => (line.uses || []).map((use) => (use ? numeric(use.slope) : null)));
    let stale = null;
    if (live && point.some((v, k) => v !== recorded[k])) {
      for (let k = data.inputs; k < lines.length && !stale; k++) {
        const line = lines[k];
        const rule = traceOperations[line.op];
        const args = line.parents.map((p, n) => (p >= 0 ? values[p] : numeric(line.args[n])));
        const value = rule.f(...args);
        if (line.kind === "decision") {
          if (Boolean(value) !== recorded[k]) stale = line;
        } else {
          values[k] = value;
          slopes[k] = line.uses.map((use, n) => (use ? rule.d[n](value, ...args) : null));
        }
      }
    }
    return { values, slopes, stale };
  }

  function forward(base) {
    if (!data.scalar) return fromRecord(data.recorded.forward[seed]);
    const values = [];
    const terms = lines.map((line, k) => {
      if (k < data.inputs) {
        values.push(k === seed ? 1 : 0);
        return [];
      }
      const found = operandsOf(k).map((n) => ({
        line: k, operand: n, value: product(values[line.parents[n]], base.slopes[k][n]),
      }));
      values.push(found.reduce((sum, term) => sum + term.value, 0));
      return found;
    });
    return { values, terms, seeds: results.map((r) => (r.line >= 0 ? values[r.line] : 0)) };
  }

  function reverse(base) {
    if (!data.scalar) return fromRecord(data.recorded.reverse[seed]);
    const seeds = results.map((_, r) => (r === seed ? 1 : 0));
    const values = lines.map(() => 0);
    const terms = lines.map(() => []);
    for (let k = lines.length - 1; k >= 0; k--) {
      for (const term of consumersOf(k)) {
        const value = term.result >= 0 ? seeds[term.result]
          : product(values[term.line], base.slopes[term.line][term.operand]);
        values[k] += value;
        terms[k].push({ ...term, value });
      }
    }
    return { values, terms, seeds };
  }

  // Where nothing flows, nothing arrives, however steep it is.
  const product = (flow, slope) => (flow === 0 && !Number.isFinite(slope) ? 0 : flow * slope);

  function fromRecord(sweep) {
    const terms = lines.map((line, k) => {
      const list = mode === "forward"
        ? (k < data.inputs ? [] : operandsOf(k).map((n) => ({ line: k, operand: n })))
        : consumersOf(k);
      return list.map((term) => ({
        ...term,
        value: term.result >= 0 ? sweep.seeds[term.result] : numeric(sweep.terms[k][`${term.line}:${term.operand}`]),
      }));
    });
    const seeds = results.map((r, n) => (mode === "reverse" ? sweep.seeds[n] : r.line >= 0 ? sweep.values[r.line] : 0));
    return { values: sweep.values.map(numeric), terms, seeds };
  }

  function operandsOf(k) {
    return lines[k].uses.map((use, n) => (use ? n : -1)).filter((n) => n >= 0);
  }

  const consumers = lines.map(() => []);
  lines.forEach((line, k) => (line.uses || []).forEach((use, n) => {
    if (use) consumers[line.parents[n]].push({ line: k, operand: n, result: -1 });
  }));
  results.forEach((result, r) => {
    if (result.line >= 0) consumers[result.line].push({ line: -1, operand: 0, result: r });
  });
  const consumersOf = (k) => consumers[k];

  function compute() {
    const base = evaluate();
    const sweep = mode === "forward" ? forward(base) : mode === "reverse" ? reverse(base) : null;
    model = { ...base, sweep };
  }

  // --- steps -----------------------------------------------------------------------------

  // A step shows one line, one result's seed, or one term of a sum (the first `upto` of them).
  function plan() {
    const list = [];
    const numbered = lines.map((_, k) => k).filter((k) => mode === "evaluate" || lines[k].kind !== "decision");
    if (mode === "evaluate") {
      numbered.forEach((k) => list.push({ line: k, ends: true }));
      results.forEach((_, r) => list.push({ line: -1, result: r, ends: true }));
      return list;
    }
    if (mode === "reverse") {
      results.forEach((_, r) => list.push({ line: -1, result: r, ends: true }));
      numbered.reverse();
    }
    numbered.forEach((k) => {
      const count = model.sweep.terms[k].length;
      for (let n = 1; n <= count; n++) list.push({ line: k, upto: n, ends: n === count });
      if (!count) list.push({ line: k, upto: 0, ends: true });
    });
    if (mode === "forward") results.forEach((_, r) => list.push({ line: -1, result: r, ends: true }));
    return list;
  }

  const key = (step) => (step.line >= 0 ? `l${step.line}` : `r${step.result}`);
  const current = () => (position > 0 ? steps[position - 1] : null);

  function finished() {
    const done = new Set();
    steps.slice(0, position).forEach((step) => { if (step.ends) done.add(key(step)); });
    return done;
  }

  // --- what a step says ------------------------------------------------------------------

  const derivativeName = (k) => (mode === "forward" ? lines[k].dot : lines[k].bar);

  function termText(term) {
    if (term.result >= 0) return [false, results[term.result].bar];
    const use = lines[term.line].uses[term.operand];
    return mode === "forward" ? use.forward : use.reverse;
  }

  function partialOf(term) {
    const use = lines[term.line].uses[term.operand];
    const slope = model.slopes[term.line][term.operand];
    const text = [use.formal];
    if (use.partial !== use.formal) text.push(use.partial);
    if (typeof slope === "number" && shown(slope) !== use.partial) text.push(shown(slope));
    return text.join(" = ");
  }

  function contributionOf(term) {
    const flow = mode === "forward" ? model.sweep.values[lines[term.line].parents[term.operand]]
      : model.sweep.values[term.line];
    const slope = model.slopes[term.line][term.operand];
    if (typeof slope !== "number") return shown(term.value);
    return `${factor(flow)} · ${factor(slope)} = ${shown(term.value)}`;
  }

  const partialSum = (terms, upto) =>
    terms.slice(0, upto).reduce((sum, term) => (sum === null ? term.value : add(sum, term.value)), null);
  const add = (a, b) => (typeof a === "number" && typeof b === "number" ? a + b : "…");

  function describe(step) {
    if (!step) return opening();
    if (step.line < 0) return describeResult(step.result);
    if (mode === "evaluate") return describeValue(step.line);
    return describeSum(step);
  }

  function opening() {
    const at = lines.slice(0, data.inputs).slice(0, 6).map((l, k) => `${l.label} = ${shown(point[k])}`).join(", ");
    const more = data.inputs > 6 ? " …" : "";
    const words = {
      evaluate: ["Evaluation trace", `Every line is one elementary operation, at ${at}${more}.`],
      forward: ["Forward mode: tangents", "Each tangent is a sum over the operands: their tangents times the local partials."],
      reverse: ["Reverse mode: adjoints", "From the result back: each adjoint is a sum over the consumers, their adjoints times the local partials."],
    }[mode];
    return { equation: [[words[0], ""]], sentence: `${words[1]} Press → to begin.` };
  }

  function describeValue(k) {
    const line = lines[k];
    const value = model.values[k];
    if (line.kind === "decision") {
      return { equation: [[line.formula, "now"]], sentence: "The function takes the branch on which this holds; the trace is that of this branch." };
    }
    if (k < data.inputs) {
      return { equation: [[`${line.name} = ${line.label}`, "now"]], value, name: line.name, sentence: `${line.name} is the input ${line.label} = ${shown(value)}.` };
    }
    const filled = line.template.replace(/⟦(\d+)⟧/g, (_, n) => factor(model.values[line.parents[n]]));
    const middle = filled.length <= 60 && filled !== shown(value) ? ` = ${filled}` : "";
    return { equation: [[`${line.name} = ${line.formula}`, "now"]], value, name: line.name, tail: middle, sentence: `${line.name} is computed from what stands before it.` };
  }

  function describeResult(r) {
    const result = results[r];
    const line = result.line >= 0 ? lines[result.line] : null;
    if (mode === "evaluate") {
      const value = line ? model.values[result.line] : numeric(result.value);
      return { equation: [[`${result.name} = ${line ? line.name : shown(value)}`, "now"]], value, name: result.name, sentence: `${result.name} is the result.` };
    }
    const value = model.sweep.seeds[r];
    if (mode === "reverse") {
      return { equation: [[result.bar, "now"]], value, name: result.bar, sentence: `The seed: a change of ${result.name} changes ${results[seed].name} by ${shown(value)} times as much.`, free: true };
    }
    return { equation: [[`${result.dot} = ${line ? line.dot : "0"}`, "now"]], value, name: result.dot, sentence: `The derivative of ${result.name} in the direction chosen.` };
  }

  function describeSum(step) {
    const k = step.line;
    const name = derivativeName(k);
    const terms = model.sweep.terms[k];
    const total = model.sweep.values[k];
    if (!terms.length) {
      const isSeed = mode === "forward" && k < data.inputs;
      const why = isSeed ? `The seed: how fast ${lines[k].label} changes in the direction chosen.`
        : mode === "forward" ? "It does not change with the inputs." : "No result depends on it through a differentiable operation.";
      return { equation: [[name, "now"]], value: total, name, sentence: why, free: isSeed };
    }
    const equation = [[`${name} = `, ""]];
    terms.forEach((term, n) => {
      const [negative, text] = termText(term);
      if (n) equation.push([negative ? " − " : " + ", n < step.upto ? "" : "later"]);
      equation.push([n || !negative ? text : `−${text}`, n === step.upto - 1 ? "now" : n < step.upto ? "" : "later"]);
    });
    const term = terms[step.upto - 1];
    const sum = step.ends ? total : partialSum(terms, step.upto);
    const said = { equation, value: sum, name, ends: step.ends, term };
    if (term.result >= 0) {
      const result = results[term.result];
      return { ...said, contribution: shown(term.value), sentence: `${lines[k].name} is the result ${result.name}, so ${name} receives its seed ${result.bar}.` };
    }
    const [from, to] = mode === "forward"
      ? [lines[lines[term.line].parents[term.operand]], lines[k]]
      : [lines[term.line], lines[k]];
    const flow = mode === "forward" ? from.dot : from.bar;
    const left = terms.length - step.upto;
    const rest = left ? ` ${left} more to come.` : terms.length > 1 ? " The sum is complete." : "";
    return {
      ...said,
      partial: partialOf(term),
      contribution: contributionOf(term),
      sentence: `${to.name} receives from ${from.name}: ${flow} times the local partial.${rest}`,
    };
  }

  // --- drawing ---------------------------------------------------------------------------

  const nodes = new Map();
  document.querySelectorAll("[data-node]").forEach((g) => nodes.set(Number(g.dataset.node), g));
  const edges = new Map();
  document.querySelectorAll("[data-edge]").forEach((g) => edges.set(Number(g.dataset.edge), g));
  const labels = new Map();
  document.querySelectorAll("[data-label]").forEach((t) => labels.set(Number(t.dataset.label), t));
  const rows = new Map();

  function cell(row, kind, className, text) {
    const element = document.createElement(kind);
    element.className = className;
    element.textContent = text;
    row.append(element);
    return element;
  }

  function buildRows() {
    const add = (id, name, formula, label) => {
      const row = document.createElement("tr");
      row.dataset.row = id;
      cell(row, "th", "", name).scope = "row";
      cell(row, "td", "formula", formula + (label ? ` = ${label}` : ""));
      rows.set(id, { row, value: cell(row, "td", "value", ""), derivative: cell(row, "td", "derivative", "") });
      $("rows").append(row);
    };
    lines.forEach((line, k) => add(`l${k}`, line.kind === "decision" ? "branch" : line.name, line.formula));
    results.forEach((result, r) => add(`r${r}`, result.name, result.line >= 0 ? lines[result.line].name : "constant"));
  }

  // A number in the table and in the graph: covered while it is to be guessed.
  function put(element, value, state) {
    const text = state === "waiting" ? "·" : state === "covered" ? "?" : shown(value);
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("array", state === "open" && typeof value === "string");
    element.classList.toggle("waiting", state === "waiting");
    element.classList.toggle("covered", state === "covered");
    if (state === "open") element.dataset.value = whole(value);
    else delete element.dataset.value;
  }

  const hides = (id) => $("guessing").checked && !revealed.has(id);

  function drawTable(done, step) {
    const active = step ? key(step) : "";
    const covered = step && hides(`${mode}:${position}`) && !describe(step).free;
    rows.forEach((cells, id) => {
      const isLine = id[0] === "l";
      const k = Number(id.slice(1));
      const decision = isLine && lines[k].kind === "decision";
      const passed = decision && step !== null && (step.line < 0 || k < step.line);
      const reached = done.has(id) || id === active || passed;
      const withheld = id === active && covered;
      cells.row.classList.toggle("current", id === active);
      const result = isLine ? null : results[k];
      const value = decision ? "taken" : isLine ? model.values[k]
        : result.line >= 0 ? model.values[result.line] : numeric(result.value);
      const stale = model.stale !== null;
      const early = stale ? !(isLine && k < data.inputs) : mode !== "reverse" && !reached;
      put(cells.value, value, early ? "waiting" : mode === "evaluate" && withheld ? "covered" : "open");
      if (mode === "evaluate" || decision) {
        cells.derivative.textContent = "";
        delete cells.derivative.dataset.value;
        cells.derivative.classList.remove("waiting", "covered");
        return;
      }
      const partly = id === active && step.upto > 0 && !step.ends;
      const derivative = isLine
        ? (partly ? partialSum(model.sweep.terms[k], step.upto) : model.sweep.values[k])
        : model.sweep.seeds[k];
      put(cells.derivative, derivative, stale || !reached ? "waiting" : withheld ? "covered" : "open");
    });
    const word = mode === "reverse" ? "Adjoint" : "Tangent";
    $("derivative-head").textContent = mode === "evaluate" ? "" : word;
    root.dataset.mode = mode;
    const row = active && rows.get(active).row;
    if (row) keepInView(row);
  }

  function keepInView(row) {
    const box = row.closest(".scroll");
    if (box.scrollHeight <= box.clientHeight) return;
    const top = row.offsetTop - box.clientHeight / 2;
    box.scrollTop = Math.max(0, top);
  }

  // Scroll a large graph to the node that is dealt with.
  function follow(g) {
    const box = $("canvas");
    const outer = box.getBoundingClientRect();
    const inner = g.getBoundingClientRect();
    box.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
    box.scrollTop += inner.top + inner.height / 2 - outer.top - outer.height / 2;
  }

  function drawGraph(done, step) {
    const active = step && step.line >= 0 ? lines[step.line].node
      : step && results[step.result].line >= 0 ? lines[results[step.result].line].node : -1;
    const lit = new Set(step ? usesOf(step).map((use) => data.edges[use]) : []);
    nodes.forEach((g, n) => g.classList.toggle("current", n === active));
    edges.forEach((g, e) => g.classList.toggle("active", lit.has(e)));
    labels.forEach((t, e) => t.classList.toggle("active", lit.has(e) && mode !== "evaluate" && t.textContent !== ""));
    if (active >= 0) follow(nodes.get(active));
    if (data.grouped) return;
    lines.forEach((line, k) => {
      const cells = rows.get(`l${k}`);
      const g = nodes.get(line.node);
      if (line.kind !== "decision") {
        const text = cells.value.textContent;
        fit(g, ".value", text);
      }
      g.classList.toggle("waiting", cells.value.classList.contains("waiting"));
      const shownText = cells.derivative.textContent;
      const bare = mode === "evaluate" || shownText === "·" || shownText === "";
      const full = `${derivativeName(k)} = ${shownText}`;
      fit(g, ".derivative", bare ? "" : full);
    });
  }

  // A text in a node, cut where it is wider than the node.
  function fit(g, which, text) {
    const room = Math.floor((Number(g.querySelector("rect:last-of-type").getAttribute("width")) - 8) / 9);
    g.querySelector(which).textContent = text.length > room ? text.slice(0, room - 1) + "…" : text;
  }

  // The operands that a step uses, as "line:operand".
  function usesOf(step) {
    if (step.line < 0) return [];
    if (mode === "evaluate") {
      return (lines[step.line].parents || []).map((p, n) => (p >= 0 ? `${step.line}:${n}` : "")).filter(Boolean);
    }
    const term = step.upto > 0 ? model.sweep.terms[step.line][step.upto - 1] : null;
    return term && term.line >= 0 ? [`${term.line}:${term.operand}`] : [];
  }

  function drawStep(step) {
    const said = describe(step);
    const covered = step !== null && hides(`${mode}:${position}`) && said.value !== undefined && !said.free;
    const equation = $("equation");
    equation.replaceChildren();
    said.equation.forEach(([text, kind]) => {
      const span = document.createElement("span");
      if (kind) span.className = `term ${kind}`;
      span.textContent = text;
      equation.append(span);
    });
    const stale = model.stale !== null && step !== null;
    if (said.value !== undefined) {
      const number = document.createElement("span");
      const complete = said.ends !== false;
      const value = stale ? "–" : covered ? "?" : shown(said.value);
      number.textContent = complete ? `${covered || stale ? "" : said.tail || ""} = ${value}` : "";
      number.id = "result";
      equation.append(number);
    }
    const gradient = step !== null && position === steps.length && mode !== "evaluate" ? closing() : "";
    $("sentence").textContent = stale ? staleWords() : said.sentence + gradient;
    $("parts").hidden = mode === "evaluate";
    $("partial").textContent = stale ? "–" : said.partial || "–";
    $("contribution").textContent = stale || covered ? (covered ? "?" : "–") : said.contribution || "–";
    $("sum-word").textContent = said.ends === false ? "Sum so far" : "Sum";
    $("sum").textContent = stale || said.value === undefined ? "–" : covered ? "?" : shown(said.value);
    $("guess").hidden = !covered || stale || typeof said.value !== "number";
    $("question").textContent = said.ends === false ? `What is ${said.name} so far?` : `What is ${said.name}?`;
    $("count").textContent = `step ${position} of ${steps.length}`;
    $("previous").disabled = $("first").disabled = position === 0;
    $("next").disabled = $("last").disabled = position === steps.length;
  }

  function closing() {
    if (model.stale || $("guessing").checked) return "";
    if (mode === "forward") return "";
    const entries = lines.slice(0, data.inputs).slice(0, 6);
    const parts = entries.map((line, k) => `∂${results[seed].name}/∂${line.label} = ${shown(model.sweep.values[k])}`);
    return ` The gradient: ${parts.join(", ")}${data.inputs > 6 ? " …" : ""}.`;
  }

  const staleWords = () => `Here ${model.stale.formula} does not hold: the function takes another branch than the recorded one.`;

  function draw() {
    const step = current();
    drawTable(finished(), step);
    drawGraph(finished(), step);
    drawStep(step);
  }

  // --- moving ----------------------------------------------------------------------------

  function go(to) {
    const target = Math.min(Math.max(to, 0), steps.length);
    if (target !== position) {
      position = target;
      $("verdict").textContent = "";
      $("answer").value = "";
    }
    draw();
    if (position === steps.length) pause();
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    $("play").textContent = "▶︎ Play";
    $("play").setAttribute("aria-label", "Play");
  }

  function play() {
    if (timer) return pause();
    if (position === steps.length) go(0);
    timer = setInterval(() => go(position + 1), PACE);
    $("play").textContent = "⏸︎ Pause";
    $("play").setAttribute("aria-label", "Pause");
    go(position + 1);
  }

  function setMode(next) {
    pause();
    mode = next;
    seed = 0;
    revealed = new Set();
    document.querySelectorAll("[data-mode].mode, .modes [data-mode]").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode)));
    fillSeeds();
    restart();
  }

  function restart() {
    compute();
    steps = plan();
    position = 0;
    go(0);
  }

  function fillSeeds() {
    const names = mode === "evaluate" ? [] : !data.scalar ? data.recorded[mode].map((s) => s.label)
      : mode === "forward" ? lines.slice(0, data.inputs).map((line) => line.label)
      : results.map((result) => result.name);
    $("seed").replaceChildren(...names.map((name, k) => new Option(name, String(k))));
    $("seed-word").textContent = mode === "forward" ? "Along" : "Derivatives of";
    $("seed-label").hidden = names.length < 2;
  }

  // --- guessing --------------------------------------------------------------------------

  function check(event) {
    event.preventDefault();
    const truth = describe(current()).value;
    const guess = Number($("answer").value.trim().replace(",", ".").replace("−", "-"));
    if ($("answer").value.trim() === "" || Number.isNaN(guess)) {
      $("verdict").textContent = "Please type a number.";
      return;
    }
    const near = Math.abs(guess - truth) <= Math.max(TOLERANCE * Math.abs(truth), 1e-9);
    if (near) {
      $("verdict").textContent = "";
      reveal(`Right: ${shown(truth)}. `);
      return;
    }
    const sign = guess !== 0 && Math.sign(guess) === -Math.sign(truth);
    $("verdict").textContent = sign ? "Not yet: look at the sign." : `Not yet: too ${guess < truth ? "small" : "large"}.`;
  }

  function reveal(words) {
    revealed.add(`${mode}:${position}`);
    draw();
    $("sentence").textContent = words + $("sentence").textContent;
    $("next").focus();
  }

  // --- inputs ----------------------------------------------------------------------------

  function buildSliders() {
    if (!live) {
      $("inputs-note").textContent = `They stand still: ${data.reason}.`;
      return;
    }
    root.style.setProperty("--inputs", Math.min(data.ranges.length, 4));
    data.ranges.forEach(([low, high], k) => {
      const box = document.createElement("div");
      box.className = "slider";
      const label = document.createElement("label");
      label.textContent = lines[k].label;
      label.htmlFor = `slider-${k}`;
      const range = document.createElement("input");
      Object.assign(range, { type: "range", id: `slider-${k}`, min: low, max: high, step: (high - low) / 400, value: point[k] });
      const number = document.createElement("input");
      Object.assign(number, { type: "number", id: `number-${k}`, step: "any", value: point[k] });
      number.setAttribute("aria-label", `${lines[k].label}, as a number`);
      range.addEventListener("input", () => { number.value = Number(Number(range.value).toPrecision(6)); move(k, Number(number.value)); });
      number.addEventListener("input", () => { if (number.value !== "") { range.value = number.value; move(k, Number(number.value)); } });
      box.append(label, range, number);
      $("sliders").append(box);
    });
    tell();
  }

  function move(k, value) {
    if (!Number.isFinite(value)) return;
    point = point.slice();
    point[k] = value;
    revealed = new Set();
    compute();
    draw();
    tell();
  }

  function tell() {
    const moved = point.some((v, k) => v !== recorded[k]);
    const outside = !model.stale && model.values.some((v) => typeof v === "number" && Number.isNaN(v));
    $("reset").hidden = !moved;
    $("inputs-note").classList.toggle("warning", Boolean(model.stale || outside));
    $("inputs-note").textContent = model.stale ? `${staleWords()} Its numbers are not shown.`
      : outside ? "Here the function has no real value: the point lies outside its domain."
      : moved ? "Recomputed on this page from the recorded operations."
      : "Move them: the page recomputes the trace and its derivatives.";
  }

  function reset() {
    point = recorded.slice(0, data.inputs);
    point.forEach((v, k) => { $(`slider-${k}`).value = $(`number-${k}`).value = v; });
    compute();
    draw();
    tell();
  }

  // --- looks and keys --------------------------------------------------------------------

  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  function setTheme(dark) {
    root.dataset.theme = dark ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(dark));
  }
  let chosen = false;
  prefersDark.addEventListener("change", () => { if (!chosen) setTheme(prefersDark.matches); });
  $("theme").addEventListener("click", () => { chosen = true; setTheme(root.dataset.theme !== "dark"); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.matches("input:not([type=checkbox]), select")) return;
    const actions = {
      ArrowRight: () => go(position + 1), ArrowLeft: () => go(position - 1),
      Home: () => go(0), End: () => go(steps.length), " ": play,
    };
    if (!(event.key in actions)) return;
    if (event.key === " " && target.matches("button, input")) return; // it presses what has the focus
    event.preventDefault();
    if (event.key !== " ") pause();
    actions[event.key]();
  });
  const press = (id, action) => $(id).addEventListener("click", action);
  press("first", () => { pause(); go(0); });
  press("previous", () => { pause(); go(position - 1); });
  press("next", () => { pause(); go(position + 1); });
  press("last", () => { pause(); go(steps.length); });
  press("play", play);
  press("reset", reset);
  press("reveal", () => reveal(""));
  $("guess").addEventListener("submit", check);
  $("guessing").addEventListener("change", draw);
  $("seed").addEventListener("change", () => { seed = Number($("seed").value); pause(); restart(); });
  document.querySelectorAll(".modes [data-mode]").forEach((button) =>
    button.addEventListener("click", () => setMode(button.dataset.mode)));

  const drawing = document.querySelector(".trace-graph");
  const size = drawing.viewBox.baseVal;
  if (size.height > 800 || size.width > 800) {
    drawing.classList.add("tall");
    drawing.style.minWidth = `${0.8 * size.width}px`;
  }
  setTheme(prefersDark.matches);
  buildRows();
  compute();
  buildSliders();
  setMode("evaluate");
})();
