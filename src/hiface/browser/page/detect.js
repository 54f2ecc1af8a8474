// Where the faces are: YuNet at several sizes and, where it is not sure, turned (hiface/photo/detect.py).

import { affine, after } from "./matrix.js";
import { padded, resized, warped } from "./picture.js";

const GREY = 127, STRIDES = [8, 16, 32], MULTIPLE = 32;
const CANDIDATE = 0.5, REPEATED = 0.3;

/** Faces { box: [left, top, right, bottom], points: five, score }, largest first. `run`: a picture's tensors to YuNet's. */
export async function detect(photo, rule, run) {
  const looks = [...rule.upright, ...rule.turned];
  const small = shrunk(photo, Math.max(...looks.map((look) => look.longest)), 1);
  const found = [];
  const add = async (look) => found.push(...(await seen(small, look, run)));
  for (const look of rule.upright) await add(look);
  if (!found.some((face) => face.score >= rule.sure)) for (const look of rule.turned) await add(look);
  return withoutRepeats(found, rule).sort((a, b) => area(b.box) - area(a.box));
}

async function seen(small, look, run) {
  const { picture, back } = prepared(small, look);
  const width = MULTIPLE * Math.ceil(picture.width / MULTIPLE), height = MULTIPLE * Math.ceil(picture.height / MULTIPLE);
  const rows = unrepeated(decoded(await run(tensorOf(picture, width, height), width, height), width));
  const size = (face) => Math.sqrt(face.size[0] * face.size[1]);
  return rows
    .filter((face) => face.score >= look.score && size(face) >= look.sizes[0] && size(face) <= look.sizes[1])
    .map((face) => inPhoto(face, back));
}

/** A copy of the given longest side, and the map from its pixels back. */
function shrunk(picture, longest, enlarge) {
  const scale = Math.min(longest / Math.max(picture.width, picture.height), enlarge);
  const width = Math.max(1, Math.round(picture.width * scale)), height = Math.max(1, Math.round(picture.height * scale));
  return { picture: resized(picture, width, height), back: [picture.width / width, 0, 0, 0, picture.height / height, 0] };
}

function prepared(small, look) {
  const copy = shrunk(small.picture, look.longest, look.enlarge);
  const n = Math.round(look.margin * Math.max(copy.picture.width, copy.picture.height));
  const { picture, back } = turned(padded(copy.picture, n, GREY), look.turn);
  return { picture, back: after(small.back, after(copy.back, after([1, 0, -n, 0, 1, -n], back))) };
}

/** Turned clockwise by degrees in a canvas that holds it all. */
function turned(picture, degrees) {
  if (!degrees) return { picture, back: [1, 0, 0, 0, 1, 0] };
  const c = Math.cos((degrees * Math.PI) / 180), s = Math.sin((degrees * Math.PI) / 180);
  const { width, height } = picture;
  const w = Math.ceil(Math.abs(width * c) + Math.abs(height * s) - 1e-6);
  const h = Math.ceil(Math.abs(width * s) + Math.abs(height * c) - 1e-6);
  const back = [c, s, width / 2 - (c * w + s * h) / 2, -s, c, height / 2 - (-s * w + c * h) / 2];
  const centres = back.slice();
  centres[2] += 0.5 * (c + s) - 0.5;
  centres[5] += 0.5 * (c - s) - 0.5;
  return { picture: warped(picture, centres, w, h, GREY), back };
}

/** Blue, green, red planes of 0 to 255, black beyond the picture. */
function tensorOf({ pixels, width: w, height: h }, width, height) {
  const planes = new Float32Array(3 * width * height);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) planes[(c * height + y) * width + x] = pixels[3 * (y * w + x) + 2 - c];
  return planes;
}

/** The candidates in YuNet's answer, in pixels of its input: middle, size, points, score. */
function decoded(answer, width) {
  const faces = [], unit = (x) => Math.min(Math.max(x, 0), 1);
  for (const stride of STRIDES) {
    const [cls, obj, bbox, kps] = ["cls", "obj", "bbox", "kps"].map((name) => answer[`${name}_${stride}`]);
    const columns = width / stride;
    for (let i = 0; i < cls.length; i++) {
      const score = Math.sqrt(unit(cls[i]) * unit(obj[i]));
      if (score < CANDIDATE) continue;
      const column = i % columns, row = Math.floor(i / columns);
      const points = [0, 1, 2, 3, 4].map((k) => [
        (kps[10 * i + 2 * k] + column) * stride, (kps[10 * i + 2 * k + 1] + row) * stride,
      ]);
      const middle = [(column + bbox[4 * i]) * stride, (row + bbox[4 * i + 1]) * stride];
      faces.push({ middle, size: [Math.exp(bbox[4 * i + 2]) * stride, Math.exp(bbox[4 * i + 3]) * stride], points, score });
    }
  }
  return faces;
}

const boxOf = ({ middle: [x, y], size: [w, h] }) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2];

function unrepeated(faces) {
  const kept = [];
  for (const face of faces.sort((a, b) => b.score - a.score)) {
    const box = boxOf(face);
    if (!kept.some((other) => overlap(box, boxOf(other)) > REPEATED)) kept.push(face);
  }
  return kept;
}

/** A turned box is no box: its sides are mixed so that a quarter turn swaps them and none leaves them. */
function inPhoto({ middle, size, points, score }, back) {
  const [x, y] = affine(back, ...middle);
  const determinant = Math.abs(back[0] * back[4] - back[1] * back[3]), unit = Math.sqrt(determinant);
  const mixed = (a, b) => ((a * a * size[0] + b * b * size[1]) / determinant / 2) * unit;
  const w = mixed(back[0], back[1]), h = mixed(back[3], back[4]);
  return { box: [x - w, y - h, x + w, y + h], points: points.map((p) => affine(back, ...p)), score };
}

function withoutRepeats(faces, rule) {
  const kept = [];
  for (const face of faces.sort((a, b) => b.score - a.score)) {
    const same = (other) =>
      overlap(face.box, other.box) > rule.overlap ||
      common(face.box, other.box) > rule.inside * Math.min(area(face.box), area(other.box));
    if (!kept.some(same)) kept.push(face);
  }
  return kept;
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
const common = (a, b) =>
  Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0) * Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
const overlap = (a, b) => common(a, b) / (area(a) + area(b) - common(a, b));
