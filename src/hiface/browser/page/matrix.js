// Small dense systems and affine maps of the plane, [a, b, c, d, e, f]: (x, y) goes to (a x + b y + c, d x + e y + f).

export const affine = (m, x, y) => [m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]];

/** First `b`, then `a`. */
export function after(a, b) {
  const [x, y] = affine(a, b[2], b[5]);
  return [
    a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], x,
    a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], y,
  ];
}

/** Solves A x = b in place for a symmetric positive definite A (n x n, rows one after another); the lower half is read. */
export function solveSymmetric(A, b) {
  const n = b.length;
  for (let j = 0; j < n; j++) {
    const row = j * n;
    for (let i = j; i < n; i++) {
      const own = i * n;
      let sum = A[own + j];
      for (let k = 0; k < j; k++) sum -= A[own + k] * A[row + k];
      A[own + j] = i === j ? Math.sqrt(sum) : sum / A[row + j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) b[i] -= A[i * n + k] * b[k];
    b[i] /= A[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) b[i] -= A[k * n + i] * b[k];
    b[i] /= A[i * n + i];
  }
  return b;
}
