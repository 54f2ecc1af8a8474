// The controls. Every one is an ordinary form element, so keyboards and screen readers work as they do elsewhere.

import { EXAMPLES, grouped, mirrored, spoken } from "./units.js";

const TURNS = [["nod", 0, 30], ["turn", 1, 60], ["tilt", 2, 30]];

export class Panel {
  constructor(root, meta, state, act) {
    Object.assign(this, { root, meta, state, act, rows: new Map() });
    this.#examples();
    this.#groups();
    this.#head();
    this.#search();
    state.listeners.push(() => this.show());
    this.show();
  }

  find(id) {
    return this.root.getElementById(id);
  }

  /** Sliders as the state has them. */
  show() {
    this.state.names.forEach((name, k) => fill(this.rows.get(name), this.state.weights[k], percent));
    for (const [name, axis] of TURNS) fill(this.rows.get(name), degrees(this.state.turn[axis]), (x) => `${Math.round(x)}°`);
  }

  #examples() {
    const list = this.find("examples");
    for (const name of Object.keys(EXAMPLES)) this.addExample(name, () => this.act.example(EXAMPLES[name], name), list);
  }

  addExample(name, go, list = this.find("drivers")) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name, className: "chip" });
    button.addEventListener("click", go);
    list.append(button);
    return button;
  }

  #groups() {
    const place = this.find("groups");
    grouped(this.meta.expressions, this.meta.units).forEach(({ title, names }, k) => {
      const group = element("details", { className: "group", open: k < 1 });
      const count = element("span", { className: "count", textContent: names.length });
      const summary = element("summary", { textContent: title });
      summary.append(count);
      group.append(summary, ...names.map((name) => this.#unit(name)));
      place.append(group);
    });
  }

  #unit(name) {
    const k = this.state.names.indexOf(name);
    const empty = this.meta.empty.includes(name);
    const note = empty ? "this face model has no such shape" : spoken(name);
    const row = slider(name, { min: 0, max: 1, step: 0.01, label: spoken(name), note, mark: this.state.photo.weights[k] });
    row.input.disabled = empty;
    row.input.addEventListener("input", () => this.#moved(name, Number(row.input.value)));
    row.label.addEventListener("dblclick", () => this.#moved(name, 0));
    this.rows.set(name, row);
    return row.element;
  }

  #moved(name, value) {
    this.act.touched();
    const other = this.find("linked").checked ? mirrored(name) : null;
    if (other && this.rows.has(other)) this.state.weights[this.state.names.indexOf(other)] = value;
    this.state.set(name, value);
  }

  #head() {
    for (const [name, axis, most] of TURNS) {
      const mark = degrees(this.state.photo.turn[axis]);
      const row = slider(name, { min: -most, max: most, step: 1, label: `head ${name}, degrees`, note: "", mark });
      row.input.addEventListener("input", () => {
        this.act.touched();
        this.state.setTurn(axis, (Number(row.input.value) * Math.PI) / 180);
      });
      this.rows.set(name, row);
      this.find("head").append(row.element);
    }
  }

  #search() {
    const box = this.find("search"), groups = this.find("groups");
    const opened = new Map();
    box.addEventListener("input", () => {
      const wanted = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const group of groups.children) {
        if (!opened.has(group)) opened.set(group, group.open);
        let any = false;
        for (const row of group.querySelectorAll(".row")) {
          const text = `${row.dataset.name} ${spoken(row.dataset.name)}`.toLowerCase();
          row.hidden = !wanted.every((word) => text.includes(word));
          any ||= !row.hidden;
          found += row.hidden ? 0 : 1;
        }
        group.hidden = !any;
        group.open = wanted.length ? any : opened.get(group);
      }
      if (!wanted.length) opened.clear();
      this.act.say(wanted.length ? `${found} units found` : "");
    });
  }
}

function slider(name, { min, max, step, label, note, mark }) {
  const id = `unit-${name}`;
  const row = element("div", { className: "row", title: note });
  row.dataset.name = name;
  const text = element("label", { htmlFor: id, textContent: name });
  const input = element("input", { id, type: "range", min, max, step });
  input.setAttribute("aria-label", label);
  row.style.setProperty("--photo", (mark - min) / (max - min));
  const output = element("output", { htmlFor: id });
  row.append(text, input, output);
  return { element: row, input, output, label: text };
}

function fill(row, value, format) {
  const { input, output, element: place } = row, text = format(value);
  if (output.textContent === text && Math.abs(Number(input.value) - value) < Number(input.step) / 2) return;
  input.value = value;
  input.setAttribute("aria-valuetext", text);
  output.textContent = text;
  const low = Number(input.min), high = Number(input.max);
  place.style.setProperty("--from", (Math.min(Math.max(0, low), high) - low) / (high - low));
  place.style.setProperty("--at", (value - low) / (high - low));
  place.classList.toggle("moved", Math.abs(value) > (high - low) / 200);
}

const element = (tag, properties) => Object.assign(document.createElement(tag), properties);
const percent = (x) => x.toFixed(2);
const degrees = (radians) => (radians * 180) / Math.PI;
