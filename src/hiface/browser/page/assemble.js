// From coefficients and a photo to what the page shows: shape, static detail, pictures.

import { albedoOf } from "./albedo.js";
import { linear } from "./colour.js";
import { cropPixels } from "./crop.js";
import { eyeLook } from "./eyes.js";
import { headTexture } from "./hood.js";
import { encoded } from "./picture.js";
import { SIDE, faceTexture, unwrapped, viewOf } from "./texture.js";

const PHOTO = 512, ALBEDO = 512;

export class Assembler {
  constructor(meta, arrays, head) {
    Object.assign(this, { meta, arrays, head, layout: layoutOf(meta, arrays) });
  }

  /** Meta and arrays of the page's face (view/face_data.py) for what `Reconstructor.reconstruct` gives. */
  face({ coefficients: c, size }) {
    const { head, meta, arrays } = this, scaled = (values) => values.map((x) => x * size.factor);
    const own = {
      millimetre_factor: size.factor,
      joints: head.joints(c.identity).map(scaled),
      expression: Array.from(c.expression),
      rotation: c.rotation,
      translation: scaled(c.translation),
      metric_assumption: size.assumption,
      photo: { side_mm: size.factor / c.scale },
    };
    const shape = { neutral: scaled(head.neutral(c.identity)), static_map: this.#static(c.static), static: c.static };
    return { meta: { ...meta, ...own }, arrays: { ...arrays, ...shape } };
  }

  /** D_sta of φ (Eq. 4), mm, at the texels of the mask. */
  #static(coefficients) {
    const { static_mean: mean, static_modes: modes, static_scale: scale } = this.arrays, map = Float32Array.from(mean);
    for (let m = 0; m < scale.length; m++) {
      const factor = scale[m] * coefficients[m], at = m * map.length;
      for (let p = 0; p < map.length; p++) map[p] += factor * modes[at + p];
    }
    return map;
  }

  /** The page's pictures by name, encoded, and what the photo says about the eyes. */
  async pictures(photo, result) {
    const { arrays, meta, head, layout } = this, { coefficients: c, size } = result;
    const expressive = head.expressive(head.neutral(c.identity), c.expression);
    const posed = head.posed(expressive, head.joints(c.identity), c.rotation, c.translation).map((x) => x * size.factor);
    const face = { ...layout, arrays, posed }, view = viewOf(photo, face, result);
    const albedo = albedoOf(arrays, meta.albedo, c.albedo, ALBEDO);
    const { colour, seen } = faceTexture(view, face, albedo.face);
    const look = eyeLook(view, face, meta.eyes, skinOf(colour, seen));
    const made = {
      photo: cropPixels(photo, result.box, PHOTO), face: colour, head: headTexture(albedo.head, colour, face),
      face_albedo: albedo.face, head_albedo: albedo.head,
    };
    const pictures = { lashes: arrays["picture.lashes"], eyes: arrays[`picture.eyes.${look.colour}`] };
    for (const [name, picture] of Object.entries(made)) pictures[name] = await encoded(picture);
    const { iris, pupil } = meta.eyes;
    return { pictures, eyes: { brightness: look.brightness, iris, pupil } };
  }
}

/** What is the same for all faces: triangles by what they are for, and the face tile. */
function layoutOf(meta, arrays) {
  const { source, triangles, uv } = arrays, pieces = piecesOf(meta.pieces), named = Object.fromEntries(pieces.map((p) => [p.name, p]));
  const vertices = triangles.map((corner) => source[corner]);
  const of = (list, { from, count }) => list.subarray(3 * from, 3 * (from + count));
  const { face, head, lashes, eyes } = named, last = lashes?.from ?? vertices.length / 3;
  const opaque = vertices.subarray(0, 3 * last), opaqueUv = new Float32Array(2 * opaque.length);
  triangles.subarray(0, 3 * last).forEach((corner, k) => opaqueUv.set([uv[2 * corner] / 65535, uv[2 * corner + 1] / 65535], 2 * k));
  const faceTriangles = of(triangles, face), headTriangles = of(triangles, head).map((corner) => corner - head.first);
  return {
    opaque, opaqueUv, faceTriangles, faceCorners: face.corners,
    skinTriangles: vertices.subarray(0, 3 * (face.count + head.count)),
    skinCount: 1 + arrays.skin_edges.reduce((a, b) => Math.max(a, b), 0),
    eyes: [eyes.from, eyes.from + eyes.count],
    head: { first: head.first, corners: head.corners, triangles: headTriangles },
    tile: unwrapped(uv, face.corners, faceTriangles, SIDE),
  };
}

/** Pieces with their first corner and first triangle; lashes come last. */
function piecesOf(pieces) {
  let first = 0, from = 0;
  return pieces.map(({ name, corners, triangles: count }) => {
    const piece = { name, corners, count, first, from };
    first += corners;
    from += count;
    return piece;
  });
}

/** The mean linear colour of the skin that the photo shows. */
function skinOf({ pixels }, seen) {
  const sum = [0, 0, 0];
  let count = 0;
  for (let k = 0; k < seen.length; k += 7) {
    if (seen[k] <= 0.5) continue;
    for (let c = 0; c < 3; c++) sum[c] += linear(pixels[3 * k + c] / 255);
    count += 1;
  }
  return count ? sum.map((x) => x / count) : [0.3, 0.3, 0.3];
}
