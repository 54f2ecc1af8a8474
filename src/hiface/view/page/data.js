// The page's data: base64 of gzip of arrays, the layout that hiface/view/pack.py writes.

const KINDS = {
  u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, f16: Uint16Array, f32: Float32Array,
};

/** Typed arrays by name. Half floats come out as floats. */
export async function unpack(text, table) {
  return arraysOf(await inflated(bytesOfBase64(text)), table);
}

/** The same from the inflated bytes. */
export function arraysOf(whole, table) {
  const arrays = {};
  for (const [name, entry] of Object.entries(table)) arrays[name] = arrayOf(whole, entry);
  return arrays;
}

export function bytesOfBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function arrayOf(whole, entry) {
  const count = entry.shape.reduce((a, b) => a * b, 1);
  if (entry.coding === "spread") return gathered(whole, entry, count);
  const array = new KINDS[entry.type](whole, entry.at, count);
  return entry.type === "f16" ? Float32Array.from(array, floatOfHalf) : array;
}

/** Undoes `spread`: zigzag differences to the row before, a column after another, low bytes before high ones. */
function gathered(whole, entry, count) {
  const low = new Uint8Array(whole, entry.at, count);
  const high = new Uint8Array(whole, entry.at + count, count);
  const rows = entry.shape[0], columns = count / rows;
  const array = new KINDS[entry.type](count);
  for (let c = 0, i = 0; c < columns; c++) {
    let value = 0;
    for (let r = 0; r < rows; r++, i++) {
      const zigzag = low[i] | (high[i] << 8);
      value += (zigzag >> 1) ^ -(zigzag & 1);
      array[r * columns + c] = value;
    }
  }
  return array;
}

export function floatOfHalf(half) {
  const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A picture's texture source; row 0 is v = 0, as the graphics card has it. */
export function bitmapOf(bytes) {
  const options = { imageOrientation: "flipY", premultiplyAlpha: "none", colorSpaceConversion: "none" };
  return createImageBitmap(new Blob([bytes]), options);
}
