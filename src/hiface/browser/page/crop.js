// The crop rule of hiface/photo/crop.py. A box is { centre: [x, y], side, roll } in photo pixels.

import { solveSymmetric } from "./matrix.js";
import { cut, resized, warped } from "./picture.js";

const FINEST = 8; // samples of a crop's pixel per axis

/** From crop pixels to photo pixels. */
export function photoFromCrop({ centre, side, roll }, pixels) {
  const c = (Math.cos(roll) * side) / pixels, s = (Math.sin(roll) * side) / pixels, half = pixels / 2;
  return [c, -s, centre[0] - (c - s) * half, s, c, centre[1] - (s + c) * half];
}

/** The crop, `side` pixels wide. Shrinking averages blocks of photo pixels first, the rest by supersampling. */
export function cropPixels(photo, box, side) {
  const shrink = box.side / side;
  const block = Math.max(1, Math.min(Math.floor(shrink), photo.width, photo.height));
  const samples = shrink > 1 ? Math.min(FINEST, Math.ceil(shrink / block - 1e-9)) : 1;
  const { part, left, top } = around(photo, box, block);
  const m = photoFromCrop(box, side * samples);
  m[2] -= left;
  m[5] -= top;
  for (let k = 0; k < 6; k++) m[k] /= block;
  m[2] += 0.5 * (m[0] + m[1]) - 0.5; // centres of pixels as whole numbers
  m[5] += 0.5 * (m[3] + m[4]) - 0.5;
  return resized(warped(part, m, side * samples, side * samples), side, side);
}

function around(photo, { centre, side, roll }, block) {
  const reach = (side * (Math.abs(Math.cos(roll)) + Math.abs(Math.sin(roll)))) / 2 + 2 * block;
  const within = (x, low, high) => Math.min(Math.max(x, low), high);
  const left = within(Math.floor(centre[0] - reach), 0, photo.width - 1);
  const top = within(Math.floor(centre[1] - reach), 0, photo.height - 1);
  const width = within(Math.ceil(centre[0] + reach), left + 1, photo.width) - left;
  const height = within(Math.ceil(centre[1] + reach), top + 1, photo.height) - top;
  const across = Math.ceil(width / block), down = Math.ceil(height / block);
  const whole = cut(photo, left, top, across * block, down * block);
  // beyond the part its own edge is repeated, not what the photo has there
  return { part: resized(whole, across, down), left, top };
}

/** By the 68 points, [[x, y], ...]. */
export function cropFromLandmarks(points, rule) {
  return readOff(affineView(points, rule.mean68, rule.ridge68), rule);
}

/** By the detector's five points and box. */
export function cropFromFace({ points, box }, rule) {
  const fitted = readOff(affineView(points, rule.mean5, rule.ridge5), rule), { roll } = fitted;
  const [left, top, right, bottom] = box, below = rule.centre_below_box * (bottom - top);
  const centre = [(left + right) / 2 - below * Math.sin(roll), (top + bottom) / 2 + below * Math.cos(roll)];
  const side = rule.side_of_box * Math.sqrt((right - left) * (bottom - top));
  return { centre: fitted.centre.map((x, k) => (x + centre[k]) / 2), side: Math.sqrt(fitted.side * side), roll };
}

/** The affine view that takes the points of the mean face to `points`: two rows of three, and the shift. */
function affineView(points, mean, ridge) {
  const average = (list, k) => list.reduce((sum, p) => sum + p[k], 0) / list.length;
  const middle = [0, 1, 2].map((k) => average(mean, k)), own = [0, 1].map((k) => average(points, k));
  const offset = mean.map((p) => p.map((x, k) => x - middle[k]));
  const rows = [0, 1].map((r) => {
    const normal = new Float64Array(9), right = new Float64Array(3);
    offset.forEach((x, i) => {
      for (let a = 0; a < 3; a++) {
        right[a] += x[a] * (points[i][r] - own[r]);
        for (let b = 0; b < 3; b++) normal[3 * a + b] += x[a] * x[b];
      }
    });
    normal[8] += ridge;
    return solveSymmetric(normal, right);
  });
  return { rows, shift: rows.map((row, r) => own[r] - row.reduce((sum, x, k) => sum + x * middle[k], 0)) };
}

function readOff({ rows, shift }, rule) {
  const [u, v] = rows;
  const perMm = Math.sqrt((u[0] ** 2 + u[1] ** 2 + u[2] ** 2 + v[0] ** 2 + v[1] ** 2 + v[2] ** 2) / 2);
  const centre = rows.map((row, r) => shift[r] + row.reduce((sum, x, k) => sum + x * rule.centre_mm[k], 0));
  return { centre, side: rule.side_mm * perMm, roll: Math.atan2(v[0] + u[1], u[0] - v[1]) };
}
