// From a photo to coefficients: detection, crop, network, refinement, in the order of hiface/model.py.

import { cropFromFace, cropFromLandmarks, cropPixels, photoFromCrop } from "./crop.js";
import { detect } from "./detect.js";
import { affine } from "./matrix.js";
import { Refiner } from "./refine.js";
import { meanOfBoth, mirrored } from "./twice.js";

export class NoFace extends Error {}

export class Reconstructor {
  /** `networks`: { detect, answer } as `network.js` gives them. */
  constructor(meta, head, networks) {
    Object.assign(this, { meta, head, networks, rule: meta.network });
    this.refiner = new Refiner(head, meta.refine);
  }

  /** The largest face of a picture. `tell`: what is being done, waited for. Throws `NoFace`. */
  async reconstruct(photo, tell = async () => {}) {
    const { rule, meta } = this;
    await tell("Looking for a face");
    const faces = await detect(photo, meta.detect, this.networks.detect);
    if (!faces.length) throw new NoFace("No face found; crop closer to the face, or give another photo");
    let box = cropFromFace(faces[0], meta.crop);
    await tell("Reading the face");
    for (let pass = 0; pass < rule.most; pass++) {
      const { box: before, answer } = await this.#sure(photo, box);
      box = cropFromLandmarks(this.#landmarks(answer, before), meta.crop);
      if (this.#settled(before, box)) break;
    }
    const sure = await this.#sure(photo, box, true);
    await tell("Fitting the mesh");
    const first = this.absolute(sure.answer);
    const refined = sure.answer.seen_xy ? this.refiner.refine(first, seenOf(sure.answer)) : first;
    return { faces, box: sure.box, first, coefficients: refined, size: this.#size(refined, sure.answer) };
  }

  /** The network's answer to a crop; `twice`: to it and its mirror image, where the model has a mirror. */
  async #answer(photo, box, twice = false) {
    const { side } = this.rule, crop = planes(cropPixels(photo, box, side)), own = await this.networks.answer(crop, side);
    if (!twice || !this.head.arrays.mirror_identity) return own;
    return meanOfBoth(own, await this.networks.answer(mirrored(crop, side), side), this.head.arrays);
  }

  /** The network's answer; where it is in doubt, from the crop beside of which it is surest. */
  async #sure(photo, box, twice = false) {
    const first = { box, answer: await this.#answer(photo, box, twice) };
    if (expectedError(first.answer) <= this.rule.doubt) return first;
    let best = { box, answer: await this.#answer(photo, box) };
    for (const [size, right, down, roll] of this.rule.beside) {
      const centre = [box.centre[0] + right * box.side, box.centre[1] + down * box.side];
      const other = { centre, side: box.side * size, roll: box.roll + roll };
      const answer = await this.#answer(photo, other);
      if (expectedError(answer) < expectedError(best.answer)) best = { box: other, answer };
    }
    return twice ? { box: best.box, answer: await this.#answer(photo, best.box, true) } : best;
  }

  #settled(before, after) {
    const moved = Math.hypot(before.centre[0] - after.centre[0], before.centre[1] - after.centre[1]);
    return Math.max(moved, Math.abs(before.side - after.side)) < this.rule.settled * after.side;
  }

  /** The 68 points in the photo. */
  #landmarks(answer, box) {
    if (!answer.seen_xy) return this.landmarks(this.absolute(answer), box);
    const { side, ibug68 } = this.rule, matrix = photoFromCrop(box, side), xy = answer.seen_xy;
    return ibug68.map((k) => affine(matrix, side * xy[2 * k], side * xy[2 * k + 1]));
  }

  /** Pose and camera of what the network says, as `Reconstructor.absolute` in Python. */
  absolute(answer) {
    const { head } = this, { identity, expression, albedo, static: still } = answer, turn = [...answer.turn];
    const rotation = head.rotations(turn, expression);
    const scale = this.rule.usual_scale * Math.exp(Math.min(Math.max(answer.log_scale[0], -1.5), 1.5));
    const expressive = head.expressive(head.neutral(identity), expression);
    const points = head.landmarks(head.posed(expressive, head.joints(identity), rotation), "mediapipe68");
    const centre = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);
    const translation = [answer.shift[0] / scale - centre[0], answer.shift[1] / scale - centre[1], 0];
    return { identity, expression, albedo, static: still, turn, rotation, translation, scale };
  }

  /** The mesh's 68 points in the photo, pixels. */
  landmarks(c, box) {
    const { head } = this, { side } = this.rule, matrix = photoFromCrop(box, side);
    const expressive = head.expressive(head.neutral(c.identity), c.expression);
    const posed = head.posed(expressive, head.joints(c.identity), c.rotation, c.translation);
    const screen = ([x, y]) => [side * (0.5 + c.scale * x), side * (0.5 - c.scale * y)];
    return head.landmarks(posed, "mediapipe68").map((point) => affine(matrix, ...screen(point)));
  }

  /** The factor to millimetres, and what it rests on. */
  #size({ identity }, { log_age: age }) {
    const { ipd_mm: distances, groups } = this.meta.size, joints = this.head.joints(identity);
    const own = Math.hypot(...joints[2].map((x, k) => x - joints[3][k]));
    const group = age.indexOf(Math.max(...age)), assumed = distances[group];
    const told = `inter-pupillary distance of ${assumed} mm, assumed for the age group ${groups[group]} that the static detail`;
    return { factor: assumed / own, assumption: `${told} suggests; one photo does not show size` };
  }
}

const seenOf = (answer) => ({ xy: answer.seen_xy, logSigma: answer.seen_log_sigma });

/** The median over the points of the error that the network expects, crop sides. */
function expectedError(answer) {
  const sorted = Float32Array.from(answer.seen_log_sigma ?? answer.log_sigma).sort();
  return Math.exp(sorted[(sorted.length - 1) >> 1]);
}

/** Red, green and blue planes, 0 to 1. */
function planes({ pixels, width, height }) {
  const count = width * height, out = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) for (let k = 0; k < count; k++) out[c * count + k] = pixels[3 * k + c] / 255;
  return out;
}
