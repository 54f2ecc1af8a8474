// The model's files, fetched from where the page came from, each once; nothing else is ever asked for.

import { arraysOf, inflated } from "./data.js";

const FILES = { meta: "model/model.json", arrays: "model/model.pack", network: "model/network.onnx",
  yunet: "model/yunet.onnx", wasm: "ort/runtime.pack" };

/** { meta, arrays, network, yunet, wasm }. `tell`: how much has come, 0 to 1. */
export async function loadFiles(tell) {
  const sizes = await (await fetched("sizes.json")).json(), come = {};
  const total = Object.values(FILES).reduce((sum, path) => sum + sizes[path], 0);
  const part = async ([name, path]) => {
    const bytes = await whole(await fetched(path), (count) => {
      come[name] = count;
      tell(Math.min(Object.values(come).reduce((a, b) => a + b, 0) / total, 1));
    });
    return [name, bytes];
  };
  const files = Object.fromEntries(await Promise.all(Object.entries(FILES).map(part)));
  const meta = JSON.parse(new TextDecoder().decode(files.meta));
  return { ...files, meta, arrays: arraysOf(await inflated(files.arrays), meta.arrays), wasm: await inflated(files.wasm) };
}

async function fetched(path) {
  let answer;
  try {
    answer = await fetch(path);
  } catch {
    throw new Error(`${path} could not be fetched; serve the folder, a page from disk may not read files`);
  }
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}; the folder is not whole`);
  return answer;
}

async function whole(answer, count) {
  const parts = [];
  let length = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    count((length += value.length));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
