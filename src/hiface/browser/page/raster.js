// Triangles on a grid, by the processor: which one each pixel's centre sees, and where in it.

/** screen: x, y, depth of the corners, pixels; the smallest depth is seen. `id` is -1 where nothing is. */
export function rasterise(screen, triangles, width, height) {
  const id = new Int32Array(width * height).fill(-1), depth = new Float32Array(width * height).fill(Infinity);
  const share = new Float32Array(2 * width * height);
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [3 * triangles[t], 3 * triangles[t + 1], 3 * triangles[t + 2]];
    const ax = screen[a], ay = screen[a + 1], bx = screen[b], by = screen[b + 1], cx = screen[c], cy = screen[c + 1];
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (Math.abs(area) < 1e-12) continue;
    const left = Math.max(Math.ceil(Math.min(ax, bx, cx) - 0.5), 0);
    const right = Math.min(Math.floor(Math.max(ax, bx, cx) - 0.5), width - 1);
    const top = Math.max(Math.ceil(Math.min(ay, by, cy) - 0.5), 0);
    const bottom = Math.min(Math.floor(Math.max(ay, by, cy) - 0.5), height - 1);
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const px = x + 0.5, py = y + 0.5;
        const u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area;
        const v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area;
        if (u < 0 || v < 0 || u + v > 1) continue;
        const z = u * screen[a + 2] + v * screen[b + 2] + (1 - u - v) * screen[c + 2], k = y * width + x;
        if (z >= depth[k]) continue;
        depth[k] = z;
        id[k] = t / 3;
        share[2 * k] = u;
        share[2 * k + 1] = v;
      }
  }
  return { id, depth, share, width, height };
}

/** Corner values of `width` numbers at every pixel; 0 where nothing is seen. */
export function interpolated({ id, share }, triangles, values, width) {
  const out = new Float32Array(id.length * width);
  for (let k = 0; k < id.length; k++) {
    if (id[k] < 0) continue;
    const t = 3 * id[k], u = share[2 * k], v = share[2 * k + 1], w = 1 - u - v;
    const a = width * triangles[t], b = width * triangles[t + 1], c = width * triangles[t + 2];
    for (let x = 0; x < width; x++) out[width * k + x] = u * values[a + x] + v * values[b + x] + w * values[c + x];
  }
  return out;
}
