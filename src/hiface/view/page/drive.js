// Another result drives this face: its reconstruction.json, or its coefficients.safetensors.

/** Weights by name and the head's turn (or null) of a file that `hiface reconstruct` wrote. Throws what to tell. */
export async function readDriver(file, names) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const read = /\.safetensors$/i.test(file.name) ? fromCoefficients : fromSummary;
  try {
    return { name: file.name, ...read(bytes, names) };
  } catch (error) {
    throw new Error(`${file.name}: ${error.message}; give a reconstruction.json or coefficients.safetensors`);
  }
}

function fromSummary(bytes, names) {
  let told;
  try {
    told = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error("not a JSON file");
  }
  const given = told?.arkit ?? told;
  const weights = {};
  for (const name of names) if (Number.isFinite(given?.[name])) weights[name] = clamped(given[name]);
  if (!Object.keys(weights).length) throw new Error("it names none of the expression units");
  return { weights, turn: turnOf(told?.pose?.rotation_axis_angle) };
}

function fromCoefficients(bytes, names) {
  const tensors = safetensors(bytes);
  const { expression, rotation } = tensors;
  if (!expression || expression.length !== names.length) throw new Error(`no expression of ${names.length} weights`);
  const weights = Object.fromEntries(names.map((name, k) => [name, clamped(expression[k])]));
  return { weights, turn: turnOf(rotation && [[...rotation.slice(0, 3)], [...rotation.slice(3, 6)]]) };
}

/** Float tensors by name. */
function safetensors(bytes) {
  const view = new DataView(bytes.buffer);
  const size = bytes.length > 8 ? Number(view.getBigUint64(0, true)) : Infinity;
  if (size > bytes.length - 8) throw new Error("not a safetensors file");
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const tensors = {};
  for (const [name, { dtype, data_offsets: range }] of Object.entries(header)) {
    if (dtype !== "F32") continue;
    tensors[name] = new Float32Array(bytes.slice(8 + size + range[0], 8 + size + range[1]).buffer);
  }
  return tensors;
}

/** Neck and head turn about one axis, so their vectors add. */
function turnOf(rotations) {
  const ok = Array.isArray(rotations) && rotations.length >= 2 && rotations.slice(0, 2).flat().every(Number.isFinite);
  return ok ? [0, 1, 2].map((x) => rotations[0][x] + rotations[1][x]) : null;
}

const clamped = (x) => Math.min(Math.max(x, 0), 1);
