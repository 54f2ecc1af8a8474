// Skin colour (Eq. 1): modes that add in a density (hiface/face/albedo.py), as sRGB pictures of the two tiles.

import { srgb } from "./colour.js";

/** The face's and the head's tile, `side` texels, as { pixels, width, height }. */
export function albedoOf(arrays, constants, albedo, side) {
  const full = arrays.face_albedo_scale.length, { soft } = constants, fine = arrays.tints.length / 3;
  const plain = albedo.subarray(0, full), tinted = albedo.subarray(full);
  const tile = (name, maps) => {
    const density = meanOf(arrays[`${name}_albedo_mean`], constants.limit, side);
    addGrown(density, coloured(arrays[`${name}_albedo_modes`], arrays[`${name}_albedo_scale`], plain), side);
    for (const [values, first, last] of maps)
      addGrown(density, painted(values, arrays.tints, tinted, first, last, constants.full), side);
    return pictureOf(density, constants.brightest, side);
  };
  return {
    face: tile("face", [[arrays.albedo_face_soft, 0, soft], [arrays.albedo_face_fine, soft, fine]]),
    head: tile("head", [[arrays.albedo_head_tinted, 0, fine]]),
  };
}

/** Interleaved densities. */
function meanOf(integers, limit, side) {
  const values = Float32Array.from(integers, (x) => ((x / 65535) * 2 - 1) * limit);
  const out = new Float32Array(3 * side * side);
  addGrown(out, planar(values), side);
  return out;
}

function planar(interleaved) {
  const count = interleaved.length / 3, out = new Float32Array(interleaved.length);
  for (let k = 0; k < count; k++) for (let c = 0; c < 3; c++) out[c * count + k] = interleaved[3 * k + c];
  return out;
}

function coloured(modes, scale, much) {
  const width = modes.length / scale.length, out = new Float32Array(width);
  for (let m = 0; m < scale.length; m++) {
    const factor = scale[m] * much[m], at = m * width;
    for (let k = 0; k < width; k++) out[k] += factor * modes[at + k];
  }
  return out;
}

function painted(maps, tints, much, first, last, unit) {
  const width = maps.length / (last - first || 1), out = new Float32Array(3 * width);
  for (let m = first; m < last; m++)
    for (let c = 0; c < 3; c++) {
      const factor = (much[m] * tints[3 * m + c]) / unit, at = (m - first) * width;
      for (let k = 0; k < width; k++) out[c * width + k] += factor * maps[at + k];
    }
  return out;
}

/** Adds three square planes, bilinear at another size, to an interleaved map. */
function addGrown(out, planes, side) {
  const count = planes.length / 3, own = Math.round(Math.sqrt(count)), step = own / side;
  for (let y = 0; y < side; y++) {
    const py = Math.min(Math.max((y + 0.5) * step - 0.5, 0), own - 1), y0 = Math.floor(py), fy = py - y0;
    const y1 = Math.min(y0 + 1, own - 1);
    for (let x = 0; x < side; x++) {
      const px = Math.min(Math.max((x + 0.5) * step - 0.5, 0), own - 1), x0 = Math.floor(px), fx = px - x0;
      const x1 = Math.min(x0 + 1, own - 1);
      for (let c = 0; c < 3; c++) {
        const p = c * count, top = planes[p + y0 * own + x0] * (1 - fx) + planes[p + y0 * own + x1] * fx;
        const bottom = planes[p + y1 * own + x0] * (1 - fx) + planes[p + y1 * own + x1] * fx;
        out[3 * (y * side + x) + c] += top * (1 - fy) + bottom * fy;
      }
    }
  }
}

function pictureOf(density, brightest, side) {
  const pixels = Uint8Array.from(density, (d) => 255 * srgb(brightest / (1 + Math.exp(d))) + 0.5);
  return { pixels, width: side, height: side };
}
