// Square maps of several channels, interleaved: shrinking, growing, filling, filtering.

/** Area average at a smaller size that divides the old one. */
export function shrunk(map, side, to, channels) {
  const block = side / to, out = new Float32Array(to * to * channels);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const from = (y * side + x) * channels, at = (Math.floor(y / block) * to + Math.floor(x / block)) * channels;
      for (let c = 0; c < channels; c++) out[at + c] += map[from + c] / (block * block);
    }
  return out;
}

/** Bilinear at a place in texels (centres at halves), into `into`. */
export function sampled(map, width, height, channels, x, y, into) {
  const px = Math.min(Math.max(x - 0.5, 0), width - 1), py = Math.min(Math.max(y - 0.5, 0), height - 1);
  const x0 = Math.floor(px), y0 = Math.floor(py), fx = px - x0, fy = py - y0;
  const x1 = Math.min(x0 + 1, width - 1), y1 = Math.min(y0 + 1, height - 1);
  const a = (y0 * width + x0) * channels, b = (y0 * width + x1) * channels;
  const c = (y1 * width + x0) * channels, d = (y1 * width + x1) * channels;
  for (let k = 0; k < channels; k++)
    into[k] = (map[a + k] * (1 - fx) + map[b + k] * fx) * (1 - fy) + (map[c + k] * (1 - fx) + map[d + k] * fx) * fy;
  return into;
}

export function grown(map, side, to, channels) {
  const out = new Float32Array(to * to * channels), texel = new Float32Array(channels), step = side / to;
  for (let y = 0, k = 0; y < to; y++)
    for (let x = 0; x < to; x++, k += channels)
      out.set(sampled(map, side, side, channels, (x + 0.5) * step, (y + 0.5) * step, texel), k);
  return out;
}

const NEARNESS = 3, SMALLEST = 4;

/** `values` where `weight` is 1, and where it is 0 a smooth continuation of them: a pyramid, coarse to fine. */
export function filledSmoothly(values, weight, side, channels) {
  const sums = Float32Array.from(values, (x, k) => x * weight[Math.floor(k / channels)]);
  return filled(sums, weight, side, channels);
}

function filled(sums, weight, side, channels) {
  let coarse;
  if (side <= SMALLEST) {
    const total = weight.reduce((a, b) => a + b, 0), overall = new Float32Array(channels);
    sums.forEach((x, k) => (overall[k % channels] += x / Math.max(total, 1e-6)));
    coarse = sums.map((_, k) => overall[k % channels]);
  } else {
    const half = side / 2, less = shrunk(weight, side, half, 1), fewer = shrunk(sums, side, half, channels);
    for (let k = 0; k < less.length; k++) {
      const factor = NEARNESS / Math.max(NEARNESS * less[k], 1);
      less[k] *= factor;
      for (let c = 0; c < channels; c++) fewer[k * channels + c] *= factor;
    }
    coarse = grown(filled(fewer, less, half, channels), half, side, channels);
  }
  return sums.map((x, k) => {
    const w = weight[Math.floor(k / channels)], known = Math.min(w, 1);
    return (known * x) / Math.max(w, 1e-6) + (1 - known) * coarse[k];
  });
}

/** `combine` over a square of 2 `reach` + 1 texels, rows then columns, of a map of one channel. */
export function filtered(map, side, reach, combine) {
  const pass = (from, step, along) => {
    const out = new Float32Array(from.length), window = new Float32Array(2 * reach + 1);
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) {
        for (let r = -reach; r <= reach; r++)
          window[r + reach] = from[i * along + Math.min(Math.max(j + r, 0), side - 1) * step];
        out[i * along + j * step] = combine(window);
      }
    return out;
  };
  return pass(pass(map, 1, side), side, 1);
}

export const least = (window) => window.reduce((a, b) => Math.min(a, b));

/** The mean over such a square, by running sums. */
export function blurred(map, side, reach) {
  const pass = (from, step, along) => {
    const out = new Float32Array(from.length), place = (j) => Math.min(Math.max(j, 0), side - 1) * step;
    for (let i = 0; i < side; i++) {
      const row = i * along;
      let sum = 0;
      for (let r = -reach; r <= reach; r++) sum += from[row + place(r)];
      for (let j = 0; j < side; j++) {
        out[row + j * step] = sum / (2 * reach + 1);
        sum += from[row + place(j + reach + 1)] - from[row + place(j - reach)];
      }
    }
    return out;
  };
  return pass(pass(map, 1, side), side, 1);
}
