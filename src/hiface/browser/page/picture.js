// Pictures as plain arrays: { pixels: RGB bytes, width, height }. Pixel (0, 0) is the top-left one.

const MOST_PIXELS = 100e6;

/** The picture in a file, turned as its EXIF says, in sRGB. Throws what to tell. */
export async function readPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", premultiplyAlpha: "none" });
  } catch {
    throw new Error(`${file.name}: this browser cannot read it as a picture; give a JPEG, PNG or WebP`);
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) throw new Error(`${file.name}: more than 100 megapixels; make it smaller`);
  const context = contextOf(width, height);
  context.fillStyle = "#fff"; // what shows through transparent pixels
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return withoutAlpha(context.getImageData(0, 0, width, height));
}

function contextOf(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
}

function withoutAlpha({ data, width, height }) {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0, k = 0; i < pixels.length; i += 3, k += 4) {
    pixels[i] = data[k];
    pixels[i + 1] = data[k + 1];
    pixels[i + 2] = data[k + 2];
  }
  return { pixels, width, height };
}

/** The picture as an encoded JPEG. */
export async function encoded({ pixels, width, height }) {
  const image = new ImageData(width, height);
  for (let i = 0, k = 0; i < pixels.length; i += 3, k += 4) {
    image.data[k] = pixels[i];
    image.data[k + 1] = pixels[i + 1];
    image.data[k + 2] = pixels[i + 2];
    image.data[k + 3] = 255;
  }
  const context = contextOf(width, height);
  context.putImageData(image, 0, 0);
  const blob = await context.canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  return new Uint8Array(await blob.arrayBuffer());
}

/** At another size: area average when shrinking, bilinear when growing. */
export function resized(picture, width, height) {
  if (width === picture.width && height === picture.height) return picture;
  const kind = width < picture.width ? areaTaps : linearTaps;
  const across = kind(picture.width, width), down = kind(picture.height, height);
  const { pixels, width: from } = picture;
  const rows = new Float32Array(3 * width * picture.height);
  for (let y = 0, out = 0; y < picture.height; y++)
    for (const taps of across) {
      let r = 0, g = 0, b = 0;
      for (let t = 0; t < taps.length; t += 2) {
        const k = 3 * (y * from + taps[t]), w = taps[t + 1];
        r += w * pixels[k];
        g += w * pixels[k + 1];
        b += w * pixels[k + 2];
      }
      rows[out++] = r;
      rows[out++] = g;
      rows[out++] = b;
    }
  const result = new Uint8Array(3 * width * height);
  for (let y = 0, out = 0; y < height; y++)
    for (let x = 0; x < 3 * width; x++) {
      const taps = down[y];
      let sum = 0;
      for (let t = 0; t < taps.length; t += 2) sum += taps[t + 1] * rows[3 * width * taps[t] + x];
      result[out++] = Math.round(sum);
    }
  return { pixels: result, width, height };
}

/** Of each place in `to`: places in `from` and their weights, one after another. */
function areaTaps(from, to) {
  const step = from / to;
  return Array.from({ length: to }, (_, k) => {
    const low = k * step, high = Math.min(low + step, from), taps = [];
    for (let i = Math.floor(low); i < high - 1e-9; i++) {
      const share = Math.min(i + 1, high) - Math.max(i, low);
      if (share > 1e-9) taps.push(i, share / (high - low));
    }
    return taps;
  });
}

function linearTaps(from, to) {
  return Array.from({ length: to }, (_, k) => {
    const place = Math.min(Math.max(((k + 0.5) * from) / to - 0.5, 0), from - 1), low = Math.floor(place);
    return [low, 1 - (place - low), Math.min(low + 1, from - 1), place - low];
  });
}

/** A `width` x `height` picture whose pixel (x, y) shows the place `m · (x, y, 1)` of `picture`, bilinear; centres of pixels
 * at whole numbers, m = [a, b, c, d, e, f]. Outside: `border`, or the edge's pixels where that is null. */
export function warped(picture, m, width, height, border = null) {
  const { pixels, width: w, height: h } = picture;
  const result = new Uint8Array(3 * width * height), at = [0, 0, 0, 0];
  for (let y = 0, out = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const px = m[0] * x + m[1] * y + m[2], py = m[3] * x + m[4] * y + m[5];
      const x0 = Math.floor(px), y0 = Math.floor(py), fx = px - x0, fy = py - y0;
      for (let k = 0; k < 4; k++) {
        const cx = x0 + (k & 1), cy = y0 + (k >> 1);
        const inside = cx >= 0 && cy >= 0 && cx < w && cy < h;
        at[k] = inside || border === null ? 3 * (clamp(cy, h - 1) * w + clamp(cx, w - 1)) : -1;
      }
      for (let c = 0; c < 3; c++) {
        const [a, b, d, e] = at.map((k) => (k < 0 ? border : pixels[k + c]));
        result[out++] = Math.round((a + (b - a) * fx) * (1 - fy) + (d + (e - d) * fx) * fy);
      }
    }
  return { pixels: result, width, height };
}

const clamp = (x, most) => (x < 0 ? 0 : x > most ? most : x);

/** With a border of `n` grey pixels. */
export function padded(picture, n, grey) {
  return n ? warped(picture, [1, 0, -n, 0, 1, -n], picture.width + 2 * n, picture.height + 2 * n, grey) : picture;
}

/** The part from (left, top), with edge pixels repeated beyond the picture. */
export function cut({ pixels, width, height }, left, top, w, h) {
  const result = new Uint8Array(3 * w * h);
  for (let y = 0, out = 0; y < h; y++)
    for (let x = 0; x < w; x++, out += 3) {
      const k = 3 * (clamp(top + y, height - 1) * width + clamp(left + x, width - 1));
      result[out] = pixels[k];
      result[out + 1] = pixels[k + 1];
      result[out + 2] = pixels[k + 2];
    }
  return { pixels: result, width: w, height: h };
}
