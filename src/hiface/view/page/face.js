// One face: expression weights and a turn of the head in, everything that is drawn out.

import * as THREE from "./three.min.js";
import { DetailMaps } from "./detail.js";
import { DynamicDetail } from "./dynamic.js";
import { atCorners, express, jointTransforms, normalsOf, offsetsOf, rotationsOf, skin } from "./shape.js";
import { Tension } from "./tension.js";

const FADE_MM = 55;
const MOUTH = ["teeth", "gums", "mouth"], MOUTH_MM = 22;

export class Face {
  /** `software`: nothing but the processor draws, so detail is kept to what its bases hold. */
  constructor(meta, arrays, software) {
    this.meta = meta;
    this.software = software;
    this.arrays = arrays;
    this.offsets = offsetsOf(arrays);
    this.expressive = new Float32Array(arrays.neutral.length);
    this.posed = new Float32Array(arrays.neutral.length);
    this.normals = new Float32Array(arrays.neutral.length);
    this.triangles = arrays.triangles.map((corner) => arrays.source[corner]);
    const skinCount = 1 + arrays.edges.reduce((a, b) => Math.max(a, b), 0);
    this.tension = new Tension(arrays.neutral, arrays.edges, skinCount, meta.detail.tension, arrays.edge_weights);
    this.dynamic = new DynamicDetail(arrays, meta.detail);
    this.tensionOfAll = new Float32Array(arrays.neutral.length / 3);
    this.geometry = geometryOf(meta, arrays);
    const tile = 3 * meta.pieces[0].triangles;
    this.detail = new DetailMaps(arrays, meta.detail.side, this.geometry, tile, software ? 1 : 2);
  }

  /** weights: of all expressions, 0 to 1. turn: of the head, axis-angle, radians. */
  update(weights, turn) {
    const { meta, arrays } = this;
    if (!this.weights || weights.some((x, k) => x !== this.weights[k])) this.#express(weights);
    const rotations = rotationsOf(turn, weights, meta.gaze, meta.neck_share);
    const transforms = jointTransforms(rotations, meta.joints, meta.joint_parents);
    skin(this.expressive, transforms, arrays.skin_weights, meta.translation, this.posed);
    normalsOf(this.posed, this.triangles, this.normals);
    this.#upload("position", this.posed, 3);
    this.#upload("normal", this.normals, 3);
  }

  /** What a turn of the head leaves as it is. */
  #express(weights) {
    const { meta, arrays } = this;
    this.weights = weights.slice();
    express(arrays.neutral, this.offsets, meta.millimetre_factor, weights, this.expressive);
    this.tensionOfAll.set(this.tension.of(this.expressive));
    this.detail.set(...this.dynamic.maps(weights));
    this.#upload("tension", this.tensionOfAll, 1);
  }

  #upload(name, values, width) {
    const attribute = this.geometry.getAttribute(name);
    atCorners(values, this.arrays.source, width, attribute.array);
    attribute.needsUpdate = true;
  }
}

/** How much of a vertex is shown: the bust fades away at its lower end. */
function coverOf(neutral) {
  let lowest = Infinity;
  for (let k = 1; k < neutral.length; k += 3) lowest = Math.min(lowest, neutral[k]);
  return Float32Array.from({ length: neutral.length / 3 }, (_, v) => {
    const t = Math.min(Math.max((neutral[3 * v + 1] - lowest - 4) / FADE_MM, 0), 1);
    return t * t * (3 - 2 * t);
  });
}

/** How much light gets to each corner: less and less into the mouth. */
function reachOf(meta, arrays) {
  const reach = new Float32Array(arrays.source.length).fill(1);
  const depth = (c) => arrays.neutral[3 * arrays.source[c] + 2];
  let first = 0, front = -Infinity;
  for (const { name, corners } of meta.pieces) {
    const last = first + corners;
    if (name === "teeth") for (let c = first; c < last; c++) front = Math.max(front, depth(c));
    if (MOUTH.includes(name))
      for (let c = first; c < last; c++) reach[c] = Math.exp(-Math.max(front - depth(c) - 5, 0) / MOUTH_MM);
    first = last;
  }
  return reach;
}

/** All pieces in one set of buffers, a group a piece. */
function geometryOf(meta, arrays) {
  const geometry = new THREE.BufferGeometry(), count = arrays.source.length;
  for (const [name, width] of [["position", 3], ["normal", 3], ["tension", 1]])
    geometry.setAttribute(name, new THREE.BufferAttribute(new Float32Array(width * count), width));
  geometry.setAttribute("uv", new THREE.BufferAttribute(arrays.uv, 2, true));
  const cover = atCorners(coverOf(arrays.neutral), arrays.source, 1, new Float32Array(count));
  geometry.setAttribute("cover", new THREE.BufferAttribute(cover, 1));
  geometry.setAttribute("reach", new THREE.BufferAttribute(reachOf(meta, arrays), 1));
  geometry.setIndex(new THREE.BufferAttribute(arrays.triangles, 1));
  let first = 0;
  meta.pieces.forEach((piece, k) => {
    geometry.addGroup(first, 3 * piece.triangles, k);
    first += 3 * piece.triangles;
  });
  return geometry;
}

/** Pairs of corners for the edges of the skin. */
export function wiresOf(arrays) {
  const corner = new Map();
  arrays.source.forEach((vertex, c) => corner.has(vertex) || corner.set(vertex, c));
  return arrays.skin_edges.map((vertex) => corner.get(vertex));
}
