// The eyes' colour and the light on them, from the photo's own pixels where the model has its eyeballs: the rule of
// hiface/export/eye_colour.py.

import { linear, luminance, median } from "./colour.js";
import { filtered, least, sampled } from "./maps.js";

const FEWEST = 24, BRIGHTEST = 1.6, OVER_SKIN = 0.45;

/** { colour, brightness }: one of `constants.colours`, and the factor from the texture's white to the photo's. */
export function eyeLook({ picture, seen }, face, constants, skin) {
  const pixels = eyePixels(picture, seen, face);
  const outside = pixels.filter(({ radius }) => radius > 1.15 * constants.iris).map(({ rgb }) => rgb);
  const brightness = brightnessOf(outside, constants.white, skin);
  const inIris = ({ radius, down }) =>
    radius < 0.9 * constants.iris && radius > 0.45 * constants.iris && down > -0.1 * constants.iris;
  const iris = pixels.filter(inIris).map(({ rgb }) => rgb);
  const [usual] = constants.colours;
  if (iris.length < FEWEST || outside.length < FEWEST) return { colour: usual, brightness };
  const own = [0, 1, 2].map((c) => Math.max(median(iris.map((rgb) => rgb[c])) / brightness[c], 1e-3));
  const name = irisColour(own);
  return { colour: constants.colours.includes(name) ? name : usual, brightness };
}

/** Linear colours of pixels well inside the eyes' openings, and where they lie round the pupil. */
function eyePixels(picture, seen, { eyes, opaqueUv }) {
  const { width, height } = seen, mask = new Float32Array(width * height), found = [], rgb = [0, 0, 0];
  for (let k = 0; k < mask.length; k++) mask[k] = seen.id[k] >= eyes[0] && seen.id[k] < eyes[1] ? 1 : 0;
  const inner = filtered(mask, width, 2, least);
  for (let k = 0; k < mask.length; k++) {
    if (!inner[k]) continue;
    const t = 6 * seen.id[k], u = seen.share[2 * k], v = seen.share[2 * k + 1], w = 1 - u - v;
    const [x, y] = [0, 1].map((c) => u * opaqueUv[t + c] + v * opaqueUv[t + 2 + c] + w * opaqueUv[t + 4 + c] - 0.5);
    sampled(picture.pixels, width, height, 3, (k % width) + 0.5, Math.floor(k / width) + 0.5, rgb);
    found.push({ rgb: rgb.map((c) => linear(c / 255)), radius: Math.hypot(x, y), down: -y });
  }
  return found;
}

/** From the brighter pixels outside the iris; their hue counts a third, since lids redden what is seen. */
function brightnessOf(outside, white, skin) {
  const guess = Math.min(Math.max(luminance(skin) / OVER_SKIN, 0.1), BRIGHTEST);
  if (outside.length < FEWEST) return [guess, guess, guess];
  const ranked = outside.sort((a, b) => luminance(a) - luminance(b));
  const some = ranked.slice(Math.floor(0.6 * ranked.length), Math.floor(0.95 * ranked.length) + 1);
  const bright = [0, 1, 2].map((c) => some.reduce((sum, rgb) => sum + rgb[c], 0) / some.length), light = luminance(bright);
  return bright.map((x, c) => Math.min(Math.max((x ** 0.35 * light ** 0.65) / white[c], 0.4 * guess), BRIGHTEST));
}

function irisColour(iris) {
  const red = iris[0] / iris[1], blue = iris[2] / iris[1], light = luminance(iris);
  if (light < 0.045 && red > 1.12) return "dark brown";
  if (red > 1.38 + light) return "brown";
  if (red > 1.14 && blue < 0.84) return "green";
  return blue > 1.03 ? "blue" : "grey";
}
