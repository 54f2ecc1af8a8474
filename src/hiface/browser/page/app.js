// The page that makes a face of a photo, all by itself. What a photo holds never leaves it: nothing is sent, and after the
// model's files have come nothing is asked for.

import { Assembler } from "./assemble.js";
import { Head } from "./head.js";
import { loadFiles } from "./load.js";
import { openNetworks, threads } from "./network.js";
import { pageOf } from "./page.js";
import { readPicture } from "./picture.js";
import { Reconstructor } from "./reconstruct.js";

const $ = (id) => document.getElementById(id);
const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

class App {
  constructor() {
    this.page = null;
    this.ended = new AbortController();
    this.model = this.#load();
    this.model.catch((error) => this.#failed(error));
    $("choose").addEventListener("change", () => this.#chosen($("choose")));
    $("preview").addEventListener("error", () => $("preview").removeAttribute("src"));
    this.#drop();
  }

  async #load() {
    const files = await loadFiles((share) => ($("loaded").value = share));
    const { meta, arrays } = files, head = new Head(meta, arrays);
    const networks = await openNetworks(files);
    if ($("start").dataset.state === "loading") this.tell("Ready", "ready");
    return {
      head, reconstructor: new Reconstructor(meta, head, networks), assembler: new Assembler(meta, arrays, head),
    };
  }

  /** A face of a picture file; true when it stands on the page. */
  async reconstruct(file) {
    this.#close();
    this.tell("Reading the photo", "busy");
    URL.revokeObjectURL($("preview").src);
    $("preview").src = URL.createObjectURL(file);
    const started = performance.now(), times = {};
    let last = started, doing = "read";
    const step = async (text) => {
      times[doing] = performance.now() - last;
      this.tell(text, "busy");
      await painted();
      [last, doing] = [performance.now(), text];
    };
    try {
      const photo = await readPicture(file);
      await step("Fetching the model");
      const { reconstructor, assembler } = await this.model;
      const result = await reconstructor.reconstruct(photo, step);
      await step("Painting the skin");
      const { meta, arrays } = assembler.face(result), { pictures, eyes } = await assembler.pictures(photo, result);
      await step("Setting it up");
      this.result = result;
      await this.#show({ ...meta, eyes }, arrays, pictures, file);
      await step("");
      this.times = { ...times, whole: performance.now() - started, threads: threads() };
      this.tell("", "done");
      return true;
    } catch (error) {
      this.#close();
      this.#failed(error);
      return false;
    }
  }

  async #show(meta, arrays, pictures, file) {
    document.body.append($("face").content.cloneNode(true));
    $("photo").src = URL.createObjectURL(new Blob([pictures.photo], { type: "image/jpeg" }));
    $("title").textContent = file.name;
    $("size").textContent = meta.metric_assumption;
    const options = { signal: this.ended.signal, onPicture: (picture) => this.reconstruct(picture) };
    this.page = window.hiface = await pageOf(meta, arrays, pictures, options);
    $("again").addEventListener("change", () => this.#chosen($("again")));
    $("save").addEventListener("click", () => this.#save(file));
    this.page.draw();
    this.page.run();
    document.body.classList.add("ready");
    this.page.say(`A face of ${file.name}`);
    $("canvas").focus({ preventScroll: true });
  }

  #close() {
    this.ended.abort();
    this.ended = new AbortController();
    this.page = window.hiface = null;
    document.body.classList.remove("ready", "alone");
    for (const part of document.querySelectorAll("body > main, body > aside, body > .dropzone")) part.remove();
  }

  /** What `hiface view` and this page take as a driver. */
  #save(file) {
    const { names, photo } = this.page.state, { rotation } = this.result.coefficients;
    const arkit = Object.fromEntries(names.map((name, k) => [name, Math.round(1e4 * photo.weights[k]) / 1e4]));
    const text = JSON.stringify({ photo: file.name, arkit, pose: { rotation_axis_angle: rotation } }, null, 2);
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(new Blob([text], { type: "application/json" })),
      download: `${file.name.replace(/\.[^.]*$/, "")}.json`,
    });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  tell(text, state) {
    $("state").textContent = text;
    $("start").dataset.state = state;
    $("start").hidden = state === "done";
    if (state !== "failed") $("wrong").textContent = "";
  }

  #failed(error) {
    this.tell("", "failed");
    $("wrong").textContent = error.message;
    $("choose").focus();
    if (!error.message.startsWith("No face")) console.warn(error);
  }

  #chosen(input) {
    const [file] = input.files;
    input.value = "";
    if (file) this.reconstruct(file);
  }

  #drop() {
    const over = (on) => (event) => {
      if (this.page) return;
      event.preventDefault();
      $("start").classList.toggle("over", on && !(event.type === "dragleave" && event.relatedTarget));
    };
    for (const name of ["dragenter", "dragover"]) document.addEventListener(name, over(true));
    document.addEventListener("dragleave", over(false));
    document.addEventListener("drop", (event) => {
      if (this.page) return;
      over(false)(event);
      const [file] = event.dataTransfer.files;
      if (file && $("start").dataset.state !== "busy") this.reconstruct(file);
    });
  }
}

window.app = new App();
