// Eqs. 1 and 2: the face of expression weights and a turn of the head, in millimetres.

/** Sparse offsets of the expressions, as views on the page's arrays. */
export function offsetsOf(arrays) {
  const offsets = [];
  let at = 0;
  arrays.offset_counts.forEach((count, e) => {
    offsets.push({
      scale: arrays.offset_scale[e],
      rows: arrays.offset_rows.subarray(at, at + count),
      values: arrays.offset_values.subarray(3 * at, 3 * (at + count)),
    });
    at += count;
  });
  return offsets;
}

/** S = S_neu + B_exp ξ, into `out`. `factor`: by which the model was scaled to the person's size. */
export function express(neutral, offsets, factor, weights, out) {
  out.set(neutral);
  for (let e = 0; e < offsets.length; e++) {
    if (weights[e] === 0) continue;
    const { rows, values, scale } = offsets[e], much = weights[e] * scale * factor;
    for (let i = 0, k = 0; i < rows.length; i++, k += 3) {
      const v = 3 * rows[i];
      out[v] += much * values[k];
      out[v + 1] += much * values[k + 1];
      out[v + 2] += much * values[k + 2];
    }
  }
  return out;
}

/** Local rotations of neck, head, left and right eye: the turn shared by neck and head, the gaze by the eyeLook units. */
export function rotationsOf(turn, weights, gaze, neckShare) {
  const rotations = [turn.map((x) => neckShare * x), turn.map((x) => (1 - neckShare) * x), [0, 0, 0], [0, 0, 0]];
  for (let e = 0; e < weights.length; e++) {
    if (weights[e] === 0) continue;
    for (let eye = 0; eye < 2; eye++)
      for (let x = 0; x < 3; x++) rotations[2 + eye][x] += weights[e] * gaze[e][eye][x];
  }
  return rotations;
}

/** Matrix (rows one after another) of an axis-angle vector in radians. */
export function matrixOf([x, y, z]) {
  const angle = Math.hypot(x, y, z);
  if (angle < 1e-9) return [1, -z, y, z, 1, -x, -y, x, 1];
  const c = Math.cos(angle), s = Math.sin(angle) / angle, k = (1 - c) / (angle * angle);
  return [
    c + k * x * x, k * x * y - s * z, k * x * z + s * y,
    k * x * y + s * z, c + k * y * y, k * y * z - s * x,
    k * x * z - s * y, k * y * z + s * x, c + k * z * z,
  ];
}

const times = (m, v) => [0, 3, 6].map((r) => m[r] * v[0] + m[r + 1] * v[1] + m[r + 2] * v[2]);

function product(a, b) {
  const out = [];
  for (let r = 0; r < 9; r += 3)
    for (let c = 0; c < 3; c++) out.push(a[r] * b[c] + a[r + 1] * b[3 + c] + a[r + 2] * b[6 + c]);
  return out;
}

/** Of each joint 12 numbers: a rest point x bound to it goes to `R x + shift` (geometry/skinning.py). */
export function jointTransforms(rotations, joints, parents) {
  const done = [];
  joints.forEach((joint, j) => {
    const local = matrixOf(rotations[j]);
    const turned = times(local, joint);
    let shift = joint.map((x, k) => x - turned[k]), turn = local;
    if (parents[j] >= 0) {
      const parent = done[parents[j]];
      turn = product(parent.turn, local);
      shift = times(parent.turn, shift).map((x, k) => x + parent.shift[k]);
    }
    done.push({ turn, shift });
  });
  return Float64Array.from(done.flatMap(({ turn, shift }) => [
    turn[0], turn[1], turn[2], shift[0], turn[3], turn[4], turn[5], shift[1], turn[6], turn[7], turn[8], shift[2],
  ]));
}

/** S_p = LBS(S, p, J; W) plus the root's translation, into `out`. Weights are of 65535. */
export function skin(vertices, transforms, weights, translation, out) {
  const m = new Float64Array(12), count = vertices.length / 3;
  for (let v = 0; v < count; v++) {
    m.fill(0);
    for (let j = 0; j < 4; j++) {
      const w = weights[4 * v + j] / 65535;
      if (w > 0) for (let k = 0; k < 12; k++) m[k] += w * transforms[12 * j + k];
    }
    const x = vertices[3 * v], y = vertices[3 * v + 1], z = vertices[3 * v + 2];
    for (let r = 0; r < 3; r++)
      out[3 * v + r] = m[4 * r] * x + m[4 * r + 1] * y + m[4 * r + 2] * z + m[4 * r + 3] + translation[r];
  }
  return out;
}

/** Unit normals of the vertices, weighted by area, into `out`. */
export function normalsOf(vertices, triangles, out) {
  out.fill(0);
  for (let t = 0; t < triangles.length; t += 3) {
    const a = 3 * triangles[t], b = 3 * triangles[t + 1], c = 3 * triangles[t + 2];
    const ux = vertices[b] - vertices[a], uy = vertices[b + 1] - vertices[a + 1], uz = vertices[b + 2] - vertices[a + 2];
    const vx = vertices[c] - vertices[a], vy = vertices[c + 1] - vertices[a + 1], vz = vertices[c + 2] - vertices[a + 2];
    const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
    for (const corner of [a, b, c]) {
      out[corner] += x;
      out[corner + 1] += y;
      out[corner + 2] += z;
    }
  }
  for (let v = 0; v < out.length; v += 3) {
    const length = Math.hypot(out[v], out[v + 1], out[v + 2]) || 1;
    out[v] /= length;
    out[v + 1] /= length;
    out[v + 2] /= length;
  }
  return out;
}

/** Rows of `values` at the corners, into `out`. */
export function atCorners(values, source, width, out) {
  for (let c = 0, k = 0; c < source.length; c++)
    for (let x = 0, v = width * source[c]; x < width; x++) out[k++] = values[v + x];
  return out;
}
