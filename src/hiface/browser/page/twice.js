// A crop and its mirror image, answered together: the mean of both (hiface/network/twice.py).

/** Planes of a square picture, left and right exchanged. */
export function mirrored(planes, side) {
  const out = new Float32Array(planes.length);
  for (let row = 0; row < planes.length; row += side)
    for (let x = 0; x < side; x++) out[row + x] = planes[row + side - 1 - x];
  return out;
}

/** The mean of the answers to a crop and to its mirror image. Skin colour, static detail and age are the former's. */
export function meanOfBoth(own, other, arrays) {
  const { mirror_identity: signs, mirror_expression: units, mirror_points478: order } = arrays;
  const mean = (name, value) => own[name].map((x, k) => (x + value(k)) / 2);
  const expression = turnedBack(other.expression, units);
  const answer = {
    ...own,
    identity: mean("identity", (k) => signs[k] * other.identity[k]),
    expression: mean("expression", (k) => expression[k]),
    turn: mean("turn", (k) => (k ? -1 : 1) * other.turn[k]),
    log_scale: mean("log_scale", (k) => other.log_scale[k]),
    shift: mean("shift", (k) => (k ? 1 : -1) * other.shift[k]),
  };
  if (!own.seen_xy) return answer;
  const place = (k) => other.seen_xy[2 * order[k >> 1] + (k & 1)];
  answer.seen_xy = mean("seen_xy", (k) => (k & 1 ? place(k) : 1 - place(k)));
  answer.seen_log_sigma = mean("seen_log_sigma", (k) => other.seen_log_sigma[order[k]]);
  return answer;
}

/** ξ' = ξ M, held in 0 to 1. */
function turnedBack(expression, matrix) {
  const size = expression.length, out = new Float32Array(size);
  for (let a = 0; a < size; a++) for (let b = 0; b < size; b++) out[b] += expression[a] * matrix[a * size + b];
  return out.map((x) => Math.min(Math.max(x, 0), 1));
}
