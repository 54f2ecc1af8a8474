// Eq. 8: how much the edges at a vertex shrank against the neutral face (geometry/tension.py).

const SHORTEST_MM = 1e-3;

export class Tension {
  /**
   * `edges`: pairs of vertices, one after another. `constants`: gain, ceiling and smoothing steps. `weights`: of the
   * ends of each edge, for an oriented tension; none: all alike.
   */
  constructor(neutral, edges, vertexCount, constants, weights) {
    this.edges = edges;
    this.constants = constants;
    this.degree = new Float32Array(vertexCount);
    for (const v of edges) this.degree[v] += 1;
    this.ends = weights ? Float32Array.from(weights) : new Float32Array(edges.length).fill(1);
    this.total = new Float32Array(vertexCount);
    edges.forEach((v, end) => (this.total[v] += this.ends[end]));
    this.lengths = new Float32Array(edges.length / 2);
    for (let k = 0; k < this.lengths.length; k++) this.lengths[k] = this.#length(neutral, k);
    this.raw = new Float64Array(vertexCount);
    this.sums = new Float64Array(vertexCount);
    this.values = new Float32Array(vertexCount);
  }

  /** Scaled tension at the vertices: positive where compressed, negative where stretched, about ±1. */
  of(vertices) {
    this.#measure(vertices);
    for (let step = 0; step < this.constants.steps; step++) this.#smooth();
    const { gain, ceiling } = this.constants;
    for (let v = 0; v < this.values.length; v++) this.values[v] = ceiling * Math.tanh((gain / ceiling) * this.raw[v]);
    return this.values;
  }

  /** t_i = 1 − mean over the edges at i of |e| / |e'|, weighted where the tension is an oriented one. */
  #measure(vertices) {
    const { edges, raw, ends, total } = this;
    raw.fill(0);
    for (let k = 0; k < this.lengths.length; k++) {
      const shrink = 1 - this.#length(vertices, k) / this.lengths[k];
      raw[edges[2 * k]] += shrink * ends[2 * k];
      raw[edges[2 * k + 1]] += shrink * ends[2 * k + 1];
    }
    for (let v = 0; v < raw.length; v++) raw[v] /= total[v] || 1;
  }

  /** Half of itself, half the mean of its neighbours. */
  #smooth() {
    const { edges, raw, sums, degree } = this;
    sums.fill(0);
    for (let k = 0; k < edges.length; k += 2) {
      sums[edges[k]] += raw[edges[k + 1]];
      sums[edges[k + 1]] += raw[edges[k]];
    }
    for (let v = 0; v < raw.length; v++) if (degree[v]) raw[v] = 0.5 * (raw[v] + sums[v] / degree[v]);
  }

  #length(vertices, k) {
    const a = 3 * this.edges[2 * k], b = 3 * this.edges[2 * k + 1];
    const x = vertices[b] - vertices[a], y = vertices[b + 1] - vertices[a + 1], z = vertices[b + 2] - vertices[a + 2];
    return Math.max(Math.sqrt(x * x + y * y + z * z), SHORTEST_MM);
  }
}
