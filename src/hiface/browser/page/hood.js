// The texture of head and neck: its albedo with gains that continue the face's colours across their border, on the mesh.

import { SOFT, logarithm } from "./colour.js";
import { filledSmoothly, sampled } from "./maps.js";
import { interpolated } from "./raster.js";
import { unwrapped } from "./texture.js";

const GAIN_SIDE = 256, PULL = 0.01, ROUNDS = 400, AROUND = 3; // texels round a border's corner whose mean counts

/** The head's tile, brought to the face's colours. */
export function headTexture(albedo, colour, face) {
  const { head, arrays } = face, gain = continued(borderGains(albedo, colour, face), face);
  const { uv, source } = arrays, corners = new Float32Array(3 * head.corners);
  const own = source.subarray(head.first, head.first + head.corners);
  own.forEach((v, c) => corners.set(gain.subarray(3 * v, 3 * v + 3), 3 * c));
  const tile = unwrapped(uv.subarray(2 * head.first), head.corners, head.triangles, GAIN_SIDE);
  const known = Float32Array.from(tile.id, (id) => (id < 0 ? 0 : 1));
  const map = filledSmoothly(interpolated(tile, head.triangles, corners, 3), known, GAIN_SIDE, 3);
  return brightened(albedo, map);
}

/** By vertex of the common border: the logarithm of the face's colour over the head's. */
function borderGains(albedo, colour, { arrays, head, faceCorners }) {
  const { source, uv } = arrays, gains = new Map(), cornerOf = new Map();
  for (let c = 0; c < faceCorners; c++) cornerOf.set(source[c], c);
  for (let c = head.first; c < head.first + head.corners; c++) {
    if (!cornerOf.has(source[c])) continue;
    const wanted = logarithm(localMean(colour, uv, cornerOf.get(source[c])));
    const given = logarithm(localMean(albedo, uv, c));
    gains.set(source[c], [0, 1, 2].map((k) => wanted[k] - given[k]));
  }
  return gains;
}

function localMean({ pixels, width, height }, uv, corner) {
  const x = (uv[2 * corner] / 65535) * width, y = (1 - uv[2 * corner + 1] / 65535) * height, sum = [0, 0, 0], rgb = [0, 0, 0];
  for (let j = -AROUND; j <= AROUND; j++)
    for (let i = -AROUND; i <= AROUND; i++) sampled(pixels, width, height, 3, x + i, y + j, rgb).forEach((v, k) => (sum[k] += v));
  return sum.map((value) => value / (2 * AROUND + 1) ** 2);
}

/** Values of all vertices that are `gains` at the border and tend to their mean away from it. */
function continued(gains, { arrays, skinCount }) {
  const values = new Float32Array(3 * skinCount), sums = new Float32Array(3 * skinCount), degree = new Float32Array(skinCount);
  const mean = [0, 1, 2].map((k) => [...gains.values()].reduce((sum, g) => sum + g[k], 0) / Math.max(gains.size, 1));
  for (let v = 0; v < skinCount; v++) values.set(gains.get(v) ?? mean, 3 * v);
  const edges = arrays.skin_edges;
  for (const v of edges) degree[v] += 1;
  for (let round = 0; round < ROUNDS; round++) {
    sums.fill(0);
    for (let e = 0; e < edges.length; e += 2) {
      const a = 3 * edges[e], b = 3 * edges[e + 1];
      for (let k = 0; k < 3; k++) {
        sums[a + k] += values[b + k];
        sums[b + k] += values[a + k];
      }
    }
    for (let v = 0; v < skinCount; v++)
      if (!gains.has(v)) for (let k = 0; k < 3; k++) values[3 * v + k] = (sums[3 * v + k] + PULL * mean[k]) / (degree[v] + PULL);
  }
  return values;
}

function brightened({ pixels, width, height }, map) {
  const out = new Uint8ClampedArray(pixels.length), gain = [0, 0, 0];
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      sampled(map, GAIN_SIDE, GAIN_SIDE, 3, ((x + 0.5) * GAIN_SIDE) / width, ((y + 0.5) * GAIN_SIDE) / height, gain);
      for (let c = 0; c < 3; c++, k++) out[k] = Math.exp(gain[c]) * (pixels[k] + SOFT) - SOFT;
    }
  return { pixels: new Uint8Array(out.buffer), width, height };
}
