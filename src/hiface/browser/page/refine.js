// The coefficients moved until the mesh meets the points that the network sees: hiface/refine.py, step for step.

import { solveSymmetric } from "./matrix.js";
import { matrixOf } from "./shape.js";

const STEP = 2e-3; // radians
const FLIP = [1, -1]; // y runs up in the posed frame and down in the picture

export class Refiner {
  constructor(head, trust) {
    Object.assign(this, { head, trust });
    this.modes = head.landmarkModes("mediapipe478", trust.points);
    this.count = head.identities + head.expressions;
    this.precision = this.#precision();
  }

  /** first: coefficients as `absolute` gives them; seen: { xy, logSigma } of 478 points, crop sides. */
  refine(first, seen) {
    const { trust, precision } = this, start = vectorOf(first), size = start.length;
    const target = seen.xy.subarray(0, 2 * trust.points);
    const weight = Float64Array.from(target, (_, k) => Math.exp(-2 * seen.logSigma[k >> 1]) / trust.sharing);
    let x = start.slice();
    for (let round = 0; round < trust.rounds; round++) {
      const { points, jacobian } = this.#linearised(x);
      const right = new Float64Array(size), left = new Float64Array(size * size);
      normal(jacobian, weight, left);
      for (let a = 0; a < size; a++) {
        const row = jacobian[a];
        let sum = -precision[a] * (x[a] - start[a]);
        for (let k = 0; k < row.length; k++) sum += weight[k] * row[k] * (target[k] - points[k]);
        right[a] = sum;
        left[a * size + a] += precision[a];
      }
      const step = solveSymmetric(left, right);
      x = this.#inside(x.map((value, k) => value + step[k]));
    }
    return { ...first, ...this.#parts(x) };
  }

  #parts(x) {
    const { head, count } = this;
    const identity = x.subarray(0, head.identities), expression = x.subarray(head.identities, count);
    const scale = Math.exp(x[count + 3]), shift = [x[count + 4], x[count + 5]], turn = [...x.subarray(count, count + 3)];
    const rotation = head.rotations(turn, expression);
    return { identity, expression, rotation, turn, scale, translation: [shift[0] / scale, shift[1] / scale, 0] };
  }

  /** Points of x as (x, y) pairs, crop sides, and the rows of derivatives, one a parameter. */
  #linearised(x) {
    const { head, modes, count, trust } = this, { scale, turn, ...c } = this.#parts(x), size = 2 * trust.points;
    const expressive = head.expressive(head.neutral(c.identity), c.expression), joints = head.joints(c.identity);
    const own = (turned) => {
      const posed = head.posed(expressive, joints, head.rotations(turned, c.expression));
      const points = head.landmarks(posed, "mediapipe478").slice(0, trust.points);
      return Float64Array.from(points.flatMap(([px, py]) => [scale * px, -scale * py]));
    };
    const here = own(turn), rows = [], m = matrixOf(turn);
    for (let e = 0; e < count; e++) {
      const row = new Float64Array(size);
      for (let l = 0, k = 3 * e * trust.points; l < size; l += 2, k += 3) {
        row[l] = scale * (m[0] * modes[k] + m[1] * modes[k + 1] + m[2] * modes[k + 2]);
        row[l + 1] = -scale * (m[3] * modes[k] + m[4] * modes[k + 1] + m[5] * modes[k + 2]);
      }
      rows.push(row);
    }
    for (let axis = 0; axis < 3; axis++) {
      const there = own(turn.map((value, k) => value + (k === axis ? STEP : 0)));
      rows.push(there.map((value, k) => (value - here[k]) / STEP));
    }
    rows.push(here);
    for (let axis = 0; axis < 2; axis++) rows.push(here.map((_, k) => ((k & 1) === axis ? FLIP[axis] : 0)));
    return { points: here.map((value, k) => 0.5 + value + FLIP[k & 1] * x[count + 4 + (k & 1)]), jacobian: rows };
  }

  #precision() {
    const { head, trust } = this, range = head.arrays.expression_range;
    const own = Array.from({ length: head.expressions }, (_, e) => (range[2 * e] < 0 ? trust.identity : trust.expression));
    const deviations = [...Array(head.identities).fill(trust.identity), ...own];
    deviations.push(trust.turn, trust.turn, trust.turn, trust.log_scale, trust.shift, trust.shift);
    return Float64Array.from(deviations, (value) => value ** -2);
  }

  #inside(x) {
    const range = this.head.arrays.expression_range, first = this.head.identities;
    for (let e = 0; e < this.head.expressions; e++)
      x[first + e] = Math.min(Math.max(x[first + e], range[2 * e]), range[2 * e + 1]);
    return x;
  }
}

/** Identity, expression, turn of the head, logarithm of the scale, translation as it shifts the picture. */
function vectorOf({ identity, expression, turn, scale, translation }) {
  const shift = [translation[0] * scale, translation[1] * scale];
  return Float64Array.from([...identity, ...expression, ...turn, Math.log(scale), ...shift]);
}

/** The lower half of Jᵀ W J; `rows` are the columns of J. Four at a time, since reading them is what takes long. */
function normal(rows, weight, out) {
  const size = rows.length, length = weight.length, weighted = new Float64Array(length);
  for (let a = 0; a < size; a++) {
    const row = rows[a];
    for (let k = 0; k < length; k++) weighted[k] = weight[k] * row[k];
    for (let b = 0; b <= a; b += 4) {
      const [p, q, r, s] = [0, 1, 2, 3].map((i) => rows[Math.min(b + i, a)]);
      let ps = 0, qs = 0, rs = 0, ss = 0;
      for (let k = 0; k < length; k++) {
        const w = weighted[k];
        ps += w * p[k];
        qs += w * q[k];
        rs += w * r[k];
        ss += w * s[k];
      }
      [ps, qs, rs, ss].forEach((sum, i) => b + i <= a && (out[a * size + b + i] = sum));
    }
  }
}
