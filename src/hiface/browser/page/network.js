// The two networks in ONNX Runtime Web, on the processor through WebAssembly.

import * as ort from "./ort/ort.wasm.min.mjs";

const MOST_THREADS = 4;

/** { detect, answer }: functions of tensors. `files`: bytes of `wasm`, `network` and `yunet`. */
export async function openNetworks(files) {
  ort.env.wasm.wasmBinary = files.wasm;
  ort.env.wasm.wasmPaths = { mjs: new URL("./ort/ort-wasm-simd-threaded.mjs", import.meta.url).href };
  ort.env.wasm.numThreads = threads();
  ort.env.logLevel = "error";
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
  const network = await ort.InferenceSession.create(new Uint8Array(files.network), options);
  const yunet = await ort.InferenceSession.create(new Uint8Array(files.yunet), options);
  return {
    detect: (planes, width, height) => run(yunet, planes, [1, 3, height, width]),
    answer: (planes, side) => run(network, planes, [1, 3, side, side]),
  };
}

/** Several only where the server isolates the page (docs/browser.md): threads need shared memory. */
export function threads() {
  return globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS) : 1;
}

async function run(session, values, shape) {
  const input = new ort.Tensor("float32", values, shape);
  const answer = await session.run({ [session.inputNames[0]]: input });
  return Object.fromEntries(Object.entries(answer).map(([name, tensor]) => [name, tensor.data]));
}
