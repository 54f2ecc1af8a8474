// Eqs. 5 and 6: the compressed and stretched maps of an expression. The network of Eq. 6 runs here as it is.

const LAYERS = [0, 2, 4];

export class DynamicDetail {
  /** `arrays`: the page's; `constants`: form and floors of Eq. 6. */
  constructor(arrays, constants) {
    this.constants = constants;
    this.style = LAYERS.map((k) => layer(arrays, `dynamic.style.${k}`));
    this.decode = LAYERS.map((k) => layer(arrays, `dynamic.decode.${k}`));
    this.static = normalised(arrays.static, constants.floors.static);
    this.bases = ["compressed", "stretched"].map((name) => ({
      mean: arrays[`${name}_mean`],
      modes: arrays[`${name}_modes`],
      scale: arrays[`${name}_scale`],
      map: new Float32Array(arrays[`${name}_mean`].length),
    }));
  }

  /** φ_com and φ_str one after another (Eq. 6). */
  coefficients(weights) {
    const style = mlp(this.style, Float32Array.from(weights));
    const scale = deviation(style, this.constants.floors.style), shift = mean(style);
    const outside = this.constants.form === "standard" ? 1 : scale;
    return mlp(this.decode, this.static.map((x) => scale * x + outside * shift));
  }

  /** D_com and D_str (Eq. 5), mm, at the texels of the mask. */
  maps(weights) {
    const coefficients = this.coefficients(weights);
    let first = 0;
    return this.bases.map((basis) => {
      const own = coefficients.subarray(first, (first += basis.scale.length));
      return mapOf(basis, own);
    });
  }
}

function mapOf({ mean, modes, scale, map }, coefficients) {
  const texels = map.length;
  map.set(mean);
  for (let m = 0; m < scale.length; m++) {
    const factor = coefficients[m] * scale[m], at = m * texels;
    for (let p = 0; p < texels; p++) map[p] += factor * modes[at + p];
  }
  return map;
}

const layer = (arrays, name) => ({ weight: arrays[`${name}.weight`], bias: arrays[`${name}.bias`] });

/** Linear layers with SiLU between them. */
function mlp(layers, input) {
  let x = input;
  layers.forEach(({ weight, bias }, k) => {
    const y = new Float32Array(bias.length);
    for (let o = 0, i = 0; o < y.length; o++) {
      let sum = bias[o];
      for (let n = 0; n < x.length; n++) sum += weight[i++] * x[n];
      y[o] = k < layers.length - 1 ? sum / (1 + Math.exp(-sum)) : sum;
    }
    x = y;
  });
  return x;
}

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;

function deviation(x, floor) {
  const middle = mean(x);
  return Math.sqrt(x.reduce((a, b) => a + (b - middle) ** 2, 0) / x.length + floor ** 2);
}

function normalised(x, floor) {
  const middle = mean(x), width = deviation(x, floor);
  return Float32Array.from(x, (value) => (value - middle) / width);
}
