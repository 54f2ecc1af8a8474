// The face model: identity and expression to a shape (Eq. 1), a pose (Eq. 2), landmarks. Millimetres.

import { express, jointTransforms, offsetsOf, rotationsOf, skin } from "./shape.js";

export class Head {
  constructor(meta, arrays) {
    Object.assign(this, { meta, arrays, offsets: offsetsOf(arrays) });
    this.identities = arrays.identity_inner_weight.length / arrays.identity_inner_scale.length;
    this.expressions = this.offsets.length;
    this.skin = arrays.identity_coarse_values.length / (3 * arrays.identity_coarse.length || 1);
  }

  /** S_neu = S̄ + B_id β. */
  neutral(identity) {
    const out = Float32Array.from(this.arrays.mean);
    for (const { mode, scale, values } of this.#skinModes()) add(out, 0, values, scale * identity[mode]);
    const { identity_inner_weight: weight, identity_inner_scale: scale, identity_inner_values: fields } = this.arrays;
    const count = scale.length, width = fields.length / (count || 1);
    for (let k = 0; k < count; k++) {
      let much = 0;
      for (let i = 0; i < identity.length; i++) much += identity[i] * weight[count * i + k];
      add(out, out.length - width, fields.subarray(k * width, (k + 1) * width), scale[k] * much);
    }
    return out;
  }

  *#skinModes() {
    for (const kind of ["identity_fine", "identity_coarse"]) {
      const modes = this.arrays[kind], values = this.arrays[`${kind}_values`], scale = this.arrays[`${kind}_scale`];
      const width = values.length / (modes.length || 1);
      for (let k = 0; k < modes.length; k++)
        yield { mode: modes[k], scale: scale[k], values: values.subarray(k * width, (k + 1) * width) };
    }
  }

  /** J = 𝒥(β). */
  joints(identity) {
    const { joint_mean: mean, joint_identity: modes } = this.arrays, flat = Float64Array.from(mean);
    identity.forEach((much, i) => flat.forEach((_, k) => (flat[k] += much * modes[i * flat.length + k])));
    return [0, 1, 2, 3].map((j) => [...flat.subarray(3 * j, 3 * j + 3)]);
  }

  /** Local rotations of the joints: a turn of the head, and the gaze of the eyeLook units. */
  rotations(turn, expression) {
    return rotationsOf(turn, expression, this.meta.gaze, this.meta.neck_share);
  }

  expressive(neutral, expression) {
    return express(neutral, this.offsets, 1, expression, new Float32Array(neutral.length));
  }

  posed(expressive, joints, rotations, translation = [0, 0, 0]) {
    const transforms = jointTransforms(rotations, joints, this.meta.joint_parents);
    return skin(expressive, transforms, this.arrays.skin_weights, translation, new Float32Array(expressive.length));
  }

  /** Weighted sums of vertices, [[x, y, z], ...]. */
  landmarks(vertices, name) {
    const index = this.arrays[`${name}_index`], weight = this.arrays[`${name}_weight`];
    const count = Number(/\d+$/.exec(name)[0]), width = index.length / count;
    return Array.from({ length: count }, (_, l) => {
      const point = [0, 0, 0];
      for (let k = l * width; k < (l + 1) * width; k++)
        for (let x = 0; x < 3; x++) point[x] += weight[k] * vertices[3 * index[k] + x];
      return point;
    });
  }

  /** What each identity mode and expression unit does to the first `count` of a landmark set: (modes, count, 3). */
  landmarkModes(name, count) {
    const index = this.arrays[`${name}_index`], weight = this.arrays[`${name}_weight`];
    const width = index.length / Number(/\d+$/.exec(name)[0]), size = 3 * count;
    const out = new Float32Array((this.identities + this.expressions) * size);
    const sum = (at, k, factor, values, row) => {
      const l = Math.floor(k / width), much = factor * weight[k];
      for (let x = 0; x < 3; x++) out[at + 3 * l + x] += much * values[3 * row + x];
    };
    for (const { mode, scale, values } of this.#skinModes())
      for (let k = 0; k < count * width; k++) sum(mode * size, k, scale, values, index[k]);
    const users = [];
    for (let k = 0; k < count * width; k++) (users[index[k]] ??= []).push(k);
    this.offsets.forEach(({ rows, values, scale }, e) => {
      for (let r = 0; r < rows.length; r++)
        for (const k of users[rows[r]] ?? []) sum((this.identities + e) * size, k, scale, values, r);
    });
    return out;
  }
}

function add(out, from, values, factor) {
  for (let k = 0; k < values.length; k++) out[from + k] += factor * values[k];
}
