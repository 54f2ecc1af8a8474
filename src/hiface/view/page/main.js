// Starts the page of one face, which carries its data.

import { unpack } from "./data.js";
import { pageOf } from "./page.js";

const $ = (id) => document.getElementById(id);

async function start() {
  const meta = JSON.parse($("face-meta").textContent);
  const arrays = await unpack($("face-data").textContent.trim(), meta.arrays);
  $("face-data").remove();
  const pictures = {};
  for (const name in arrays) if (name.startsWith("picture.")) pictures[name.slice(8)] = arrays[name];
  $("photo").src = URL.createObjectURL(new Blob([pictures.photo], { type: "image/jpeg" }));
  window.hiface = await pageOf(meta, arrays, pictures);
  window.hiface.run();
  document.body.classList.add("ready");
}

start().catch((error) => {
  document.body.classList.add("failed");
  $("said").textContent = `This page could not start: ${error.message}. It needs a browser with WebGL 2 (2023 or newer).`;
  console.error(error);
});
