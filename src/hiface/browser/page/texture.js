// The face's texture from its photo: the photo's own pixels where it sees the skin, mirror and albedo elsewhere. The rule of
// hiface/export/texture.py; its light is left in.

import { cropPixels, photoFromCrop } from "./crop.js";
import { SOFT, logarithm, median, smoothstep } from "./colour.js";
import { blurred, filledSmoothly, filtered, grown, least, sampled, shrunk } from "./maps.js";
import { affine } from "./matrix.js";
import { interpolated, rasterise } from "./raster.js";
import { normalsOf } from "./shape.js";

export const SIDE = 1024, COARSE = 256;
const VIEW = 1024, WIDER = 1.3; // pixels of the part of the photo that is looked at, and its side in crops
const FACING = [0.15, 0.55], BORDER = [0.002, 0.022], DEPTH_MM = 2.5, SURE = [0.5, 1];
const ALIKE = [1.9, 3.2], SPREAD = [[0.22, 0.07, 0.07], [0.4, 0.11, 0.11]], FEWEST = 100;

/** What the camera sees: pixels, and of every vertex its place among them, depth, facing and distance to the border. */
export function viewOf(photo, face, result) {
  const box = { ...result.box, side: WIDER * result.box.side }, { posed } = face, count = posed.length / 3;
  const picture = cropPixels(photo, box, VIEW), photoFromView = photoFromCrop(box, VIEW);
  const perMm = (result.coefficients.scale / result.size.factor) * (VIEW / WIDER), least = Math.min(photo.width, photo.height);
  const normals = normalsOf(posed, face.skinTriangles, new Float32Array(posed.length));
  const vertices = new Float32Array(5 * count), screen = new Float32Array(3 * count);
  for (let v = 0; v < count; v++) {
    const x = VIEW / 2 + perMm * posed[3 * v], y = VIEW / 2 - perMm * posed[3 * v + 1], depth = -posed[3 * v + 2];
    const [px, py] = affine(photoFromView, x, y);
    const border = Math.min(px, py, photo.width - px, photo.height - py) / least;
    vertices.set([x, y, depth, normals[3 * v + 2], border], 5 * v);
    screen.set([x, y, depth], 3 * v);
  }
  return { picture, vertices, seen: rasterise(screen, face.opaque, VIEW, VIEW), perMm };
}

/** { colour, seen }: the tile as a picture, and how much of each texel is the photo's own pixel. */
export function faceTexture(view, face, albedo) {
  const { tile, arrays } = face;
  const own = seenColour(view, face, (v) => v), mirror = arrays.symmetry;
  const other = mirror ? seenColour(view, face, (v) => mirror[v]) : { ...own, weight: new Float32Array(tile.id.length) };
  return { colour: blended(own, other, albedo), seen: own.weight };
}

function seenColour({ picture, vertices, seen }, { tile, arrays, faceTriangles, faceCorners }, partner) {
  const { source } = arrays, corners = new Float32Array(5 * faceCorners);
  for (let c = 0; c < corners.length / 5; c++) {
    const v = 5 * partner(source[c]);
    corners.set(vertices.subarray(v, v + 5), 5 * c);
  }
  const texels = interpolated(tile, faceTriangles, corners, 5);
  const colour = new Float32Array(3 * tile.id.length), weight = new Float32Array(tile.id.length), rgb = [0, 0, 0];
  for (let k = 0; k < weight.length; k++) {
    if (tile.id[k] < 0) continue;
    const x = texels[5 * k], y = texels[5 * k + 1], depth = texels[5 * k + 2];
    sampled(picture.pixels, VIEW, VIEW, 3, x, y, rgb);
    for (let c = 0; c < 3; c++) colour[3 * k + c] = rgb[c];
    const column = Math.min(Math.max(Math.floor(x), 0), VIEW - 1), row = Math.min(Math.max(Math.floor(y), 0), VIEW - 1);
    if (depth - seen.depth[row * VIEW + column] > DEPTH_MM) continue;
    const facing = smoothstep(texels[5 * k + 3], FACING[0], FACING[1]);
    weight[k] = facing * smoothstep(texels[5 * k + 4], BORDER[0], BORDER[1]) * inside(arrays, k);
  }
  const soft = blurred(weight, SIDE, SIDE / 256), trust = looksLikeSkin(colour, weight, arrays);
  for (let k = 0; k < weight.length; k++) weight[k] = tile.id[k] < 0 ? 0 : Math.min(weight[k], soft[k]) * trust[k];
  return { colour, weight };
}

const inside = ({ tile_inside: map }, k) =>
  map[Math.floor(Math.floor(k / SIDE) / (SIDE / COARSE)) * COARSE + Math.floor((k % SIDE) / (SIDE / COARSE))] / 255;

/** 1 where the colour is the face's own skin's, or the place is trusted; 0 where it is far from it. */
function looksLikeSkin(colour, weight, { tile_trusted: trusted, tile_core: core }) {
  const logs = logarithm(shrunk(colour, SIDE, COARSE, 3)), w = shrunk(weight, SIDE, COARSE, 1), count = COARSE * COARSE;
  const features = [0, 1, 2].map(() => new Float32Array(count)), sample = [];
  for (let k = 0; k < count; k++) {
    const [r, g, b] = logs.subarray(3 * k, 3 * k + 3);
    [(r + g + b) / 3, r - g, b - g].forEach((x, f) => (features[f][k] = x));
    if (core[k] > 252 && w[k] > 0.8) sample.push(k);
  }
  if (sample.length < FEWEST) return new Float32Array(SIDE * SIDE).fill(1);
  const scaled = features.map((values, f) => {
    const some = sample.map((k) => values[k]), middle = median(some);
    const spread = 1.4826 * median(some.map((x) => Math.abs(x - middle)));
    const width = Math.min(Math.max(spread, SPREAD[0][f]), SPREAD[1][f]);
    return values.map((x) => (x - middle) / width);
  });
  const alike = scaled[0].map((x, k) => 1 - smoothstep(Math.hypot(x, scaled[1][k], scaled[2][k]), ...ALIKE));
  const soft = blurred(blurred(filtered(alike, COARSE, 4, least), COARSE, 2), COARSE, 2);
  return grown(soft.map((x, k) => Math.max(x, trusted[k] / 255)), COARSE, SIDE, 1);
}

/** Photo over matched mirror over matched albedo. */
function blended(own, other, albedo) {
  const w = shrunk(own.weight, SIDE, COARSE, 1), m = shrunk(other.weight, SIDE, COARSE, 1);
  const step = albedo.width / COARSE;
  const base = shrunk(Float32Array.from(albedo.pixels), albedo.width, COARSE, 3);
  const logs = [shrunk(own.colour, SIDE, COARSE, 3), shrunk(other.colour, SIDE, COARSE, 3), base].map(logarithm);
  const difference = (a, b) => a.map((x, k) => x - b[k]);
  const gainOfMirror = filledSmoothly(difference(logs[0], logs[1]), w.map((x, k) => smoothstep(x * m[k], ...SURE)), COARSE, 3);
  const known = w.map((x, k) => x + (1 - x) * m[k]);
  const soFar = logs[0].map((x, k) => {
    const t = Math.floor(k / 3), share = (1 - w[t]) * m[t];
    return (w[t] * x + share * (logs[1][k] + gainOfMirror[k])) / Math.max(known[t], 1e-3);
  });
  const gainOfAlbedo = filledSmoothly(difference(soFar, logs[2]), known.map((x) => smoothstep(x, ...SURE)), COARSE, 3);
  const pixels = new Uint8ClampedArray(3 * SIDE * SIDE), gains = [[0, 0, 0], [0, 0, 0]], below = [0, 0, 0];
  for (let y = 0, k = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++, k++) {
      const px = ((x + 0.5) * COARSE) / SIDE, py = ((y + 0.5) * COARSE) / SIDE;
      sampled(gainOfAlbedo, COARSE, COARSE, 3, px, py, gains[0]);
      sampled(gainOfMirror, COARSE, COARSE, 3, px, py, gains[1]);
      sampled(albedo.pixels, albedo.width, albedo.width, 3, px * step, py * step, below);
      for (let c = 0; c < 3; c++) {
        let value = Math.exp(gains[0][c]) * (below[c] + SOFT) - SOFT;
        value += other.weight[k] * (Math.exp(gains[1][c]) * (other.colour[3 * k + c] + SOFT) - SOFT - value);
        pixels[3 * k + c] = value + own.weight[k] * (own.colour[3 * k + c] - value);
      }
    }
  return { pixels: new Uint8Array(pixels.buffer), width: SIDE, height: SIDE };
}

/** The triangles of a tile laid out in it, row 0 is v = 1. */
export function unwrapped(uv, corners, triangles, side) {
  const places = new Float32Array(3 * corners);
  for (let c = 0; c < corners; c++)
    places.set([(uv[2 * c] / 65535) * side, (1 - uv[2 * c + 1] / 65535) * side, 0], 3 * c);
  return rasterise(places, triangles, side, side);
}
