// sRGB and linear light, 0 to 1, and logarithms of 8-bit colours.

export const srgb = (x) => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
export const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);

export const SOFT = 16; // added before logarithms: noise in the dark must not decide a gain
export const logarithm = (values) => Float32Array.from(values, (x) => Math.log(x + SOFT));
export const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

export function smoothstep(x, low, high) {
  const t = Math.min(Math.max((x - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
}

export function median(values) {
  const sorted = Float32Array.from(values).sort();
  return sorted.length ? sorted[sorted.length >> 1] : 0;
}
