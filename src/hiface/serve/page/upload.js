"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const limits = JSON.parse(find("limits").textContent);
  const AT_ONCE = 2, POLL_MS = 500;
  const waiting = [];
  let sending = 0;

  function add(files) {
    for (const file of files) {
      const card = find("card").content.firstElementChild.cloneNode(true);
      const part = (name) => card.querySelector(name);
      const photo = { file, card, part, url: null, gone: false };
      part(".name").textContent = file.name;
      part("img").src = URL.createObjectURL(file);
      part("img").onload = () => URL.revokeObjectURL(part("img").src);
      part("img").onerror = () => {
        part("img").onload();
        part("img").classList.add("unseen");
      };
      part(".remove").setAttribute("aria-label", `Remove ${file.name}`);
      part(".remove").onclick = () => remove(photo);
      find("photos").prepend(card);
      if (file.size > limits.most) {
        fail(photo, `${(file.size / 1e6).toFixed(1)} MB are above the limit of ${limits.most / 1e6} MB; scale the photo down`);
      } else {
        say(photo, "waiting");
        waiting.push(photo);
      }
    }
    next();
  }

  function next() {
    while (sending < AT_ONCE && waiting.length) {
      sending += 1;
      const photo = waiting.shift();
      send(photo).catch((error) => fail(photo, error.message)).finally(() => {
        sending -= 1;
        next();
      });
    }
  }

  async function send(photo) {
    if (photo.gone) return;
    const answer = await upload(photo);
    photo.url = answer.url;
    photo.part("progress").removeAttribute("value");
    for (;;) {
      if (photo.gone) return void forget(photo.url);
      const state = await ask(photo.url);
      show(photo, state);
      if (state.state === "done" || state.state === "failed") return;
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  /* XMLHttpRequest, since fetch does not tell how much was sent. */
  function upload(photo) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      request.open("POST", "/faces");
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        photo.part("progress").value = event.loaded / event.total;
        say(photo, "sending");
      };
      request.onload = () => {
        if (request.status === 202) done(request.response);
        else failed(new Error(request.response?.error ?? `refused (${request.status})`));
      };
      request.onerror = () => failed(new Error("the server does not answer"));
      request.send(photo.file);
    });
  }

  async function ask(url, method = "GET") {
    let answer;
    try {
      answer = await fetch(url, { method });
    } catch {
      throw new Error("the server does not answer");
    }
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told;
  }

  const forget = (url) => ask(url, "DELETE").catch(() => {});

  function show(photo, state) {
    if (state.state === "failed") return fail(photo, state.error);
    const many = state.pages.length;
    if (state.state === "done") {
      photo.part("progress").hidden = true;
      say(photo, many === 1 ? "one face" : `${many} faces`);
    } else if (state.state === "waiting") {
      say(photo, state.ahead ? `waiting; ${state.ahead} before it` : "waiting");
    } else {
      say(photo, state.step);
    }
    const faces = photo.part(".faces");
    for (let k = faces.children.length; k < many; k += 1) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = k ? `Face ${k + 1}` : "See the face";
      button.onclick = () => view(state.pages[k], photo.file.name);
      faces.append(button);
    }
    if (many > 1) faces.firstElementChild.textContent = "Face 1";
  }

  function view(url, name) {
    find("face").src = url;
    find("save").href = url;
    find("save").download = `${name.replace(/\.[^.]*$/, "")}.html`;
    find("viewer").showModal();
  }

  function say(photo, text) {
    if (photo.part(".said").textContent !== text) photo.part(".said").textContent = text;
  }

  function fail(photo, text) {
    photo.card.classList.add("failed");
    photo.part("progress").hidden = true;
    say(photo, text);
  }

  function remove(photo) {
    photo.gone = true;
    if (photo.url) forget(photo.url);
    photo.card.remove();
  }

  find("viewer").addEventListener("close", () => (find("face").src = "about:blank"));
  find("files").onchange = (event) => {
    add([...event.target.files]);
    event.target.value = "";
  };
  addEventListener("paste", (event) => add([...event.clipboardData.files]));
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", kind === "dragover" || kind === "dragenter");
      if (kind === "drop") add([...event.dataTransfer.files]);
    });
  }
})();
