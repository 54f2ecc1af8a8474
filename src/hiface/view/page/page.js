// What is on the page, put together: the face, its panel, the keys.

import { bitmapOf } from "./data.js";
import { readDriver } from "./drive.js";
import { Face } from "./face.js";
import { Panel } from "./panel.js";
import { Player } from "./play.js";
import { Stage, VIEWS, drawsInSoftware, textureOf } from "./stage.js";
import { State } from "./state.js";

const PICTURES = ["face", "head", "eyes", "lashes", "face_albedo", "head_albedo"];
const REST_MS = 120;
const $ = (id) => document.getElementById(id);

/** The page of a face. `pictures`: encoded, by name. */
export async function pageOf(meta, arrays, pictures, options) {
  const software = drawsInSoftware(), textures = {};
  for (const name of PICTURES) textures[name] = textureOf(await bitmapOf(pictures[name]), software);
  const face = new Face(meta, arrays, software);
  return new Page(meta, new State(meta), face, new Stage($("canvas"), face, textures), options);
}

export class Page {
  /** options: `signal` ends the page when it aborts; `onPicture` takes a picture that is dropped. */
  constructor(meta, state, face, stage, { signal, onPicture } = {}) {
    Object.assign(this, { meta, state, face, stage, signal, onPicture, stale: true });
    this.player = new Player(state, (playing) => this.#playing(playing));
    this.panel = new Panel(document, meta, state, {
      touched: () => this.player.stop(),
      say: (text) => this.say(text),
      example: (weights, name) => this.go({ weights: state.weightsOf(weights), turn: null }, name),
    });
    state.listeners.push(() => (this.stale = true));
    this.#views();
    this.#detail();
    this.#buttons();
    this.#drop();
    this.#keys();
    if (window.matchMedia("(max-width: 820px)").matches) $("beside").click();
    const resized = new ResizeObserver(() => stage.resize());
    resized.observe(stage.canvas);
    stage.resize();
    signal?.addEventListener("abort", () => {
      resized.disconnect();
      stage.close();
    });
  }

  /** One picture if something changed. Draws at once, for tests and scripts; `quick` as in `Stage.draw`. */
  draw(now = performance.now(), quick = false) {
    this.player.step(now);
    this.state.step(now);
    if (this.stale) {
      this.face.update(this.state.weights, this.state.turn);
      this.stage.changed.shape = true;
      this.stale = false;
    }
    return this.stage.draw(quick);
  }

  run() {
    const { software } = this.face;
    let moved = 0; // without a graphics card what moves is drawn quickly, and well when it rests
    const frame = (now) => {
      if (this.signal?.aborted) return;
      if (this.draw(now, software)) moved = now;
      else if (now - moved > REST_MS) this.stage.draw();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  go(where, said) {
    this.player.stop();
    this.state.goTo(where);
    this.say(said);
  }

  say(text) {
    $("said").textContent = text;
  }

  #playing(playing) {
    $("play").setAttribute("aria-pressed", playing);
    $("play-text").textContent = playing ? "Pause" : "Play";
  }

  #views() {
    for (const radio of document.querySelectorAll("input[name=view]"))
      radio.addEventListener("change", () => this.setView(radio.value));
    $("wire").addEventListener("change", () => {
      this.stage.wires.visible = $("wire").checked;
      this.stage.changed.picture = true;
    });
    $("beside").addEventListener("change", () => document.body.classList.toggle("alone", !$("beside").checked));
  }

  setView(name) {
    document.querySelector(`input[name=view][value=${name}]`).checked = true;
    document.body.dataset.view = name;
    this.stage.view = name;
  }

  #detail() {
    const set = () => {
      const part = (name) => ($(name).checked ? Number($(`${name}-strength`).value) : 0);
      this.face.detail.strength.set(part("static"), part("dynamic"));
      for (const name of ["static", "dynamic"]) {
        const strength = $(`${name}-strength`);
        strength.disabled = !$(name).checked;
        $(`${name}-value`).textContent = `${Math.round(100 * strength.value)} %`;
        strength.parentElement.style.setProperty("--at", strength.value / strength.max);
      }
      this.stage.changed.shape = true;
    };
    for (const name of ["static", "dynamic"]) {
      $(name).addEventListener("change", set);
      $(`${name}-strength`).addEventListener("input", set);
    }
    set();
  }

  #buttons() {
    $("to-photo").addEventListener("click", () => this.toPhoto());
    $("to-neutral").addEventListener("click", () => this.go(this.state.neutral, "Neutral"));
    $("play").addEventListener("click", () => this.player.toggle());
    $("file").addEventListener("change", async () => {
      for (const file of $("file").files) await this.drive(file);
      $("file").value = "";
    });
  }

  toPhoto() {
    this.stage.reset();
    this.go(this.state.photo, "As in the photo");
  }

  /** Another face's expression, and its turn where the box says so. */
  async drive(file) {
    let driver;
    try {
      driver = await readDriver(file, this.meta.expressions);
    } catch (error) {
      this.say(error.message);
      return;
    }
    const go = () => {
      const turn = $("with-turn").checked ? driver.turn : null;
      this.go({ weights: this.state.weightsOf(driver.weights), turn }, `Driven by ${driver.name}`);
    };
    this.panel.addExample(driver.name, go);
    go();
  }

  #drop() {
    const over = (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    };
    const listen = (name, act) => document.addEventListener(name, act, { signal: this.signal });
    listen("dragenter", over);
    listen("dragover", over);
    listen("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
    listen("drop", async (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      const files = [...event.dataTransfer.files], picture = files.find((file) => file.type.startsWith("image/"));
      if (picture && this.onPicture) return this.onPicture(picture);
      for (const file of files) await this.drive(file);
    });
  }

  #keys() {
    const click = (id) => () => $(id).click();
    const keys = {
      b: click("beside"), d: click("dynamic"), n: click("to-neutral"), p: click("play"), r: click("to-photo"),
      s: click("static"), w: click("wire"), "/": () => $("search").focus(),
      ...Object.fromEntries(VIEWS.map((name, k) => [String(k + 1), () => this.setView(name)])),
    };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = /^(text|search|number)$/.test(event.target.type ?? "");
      if (event.key === "Escape" && typing) event.target.blur();
      if (typing || !(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    }, { signal: this.signal });
    const turns = {
      ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1],
      "+": [0, 0, 0.9], "=": [0, 0, 0.9], "-": [0, 0, 1.1],
    };
    $("canvas").addEventListener("keydown", (event) => {
      if (event.key === "Home") this.stage.reset();
      else if (event.key in turns) this.stage.turn(...turns[event.key]);
      else return;
      event.preventDefault();
    });
  }
}
