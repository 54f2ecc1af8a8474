// What the page shows: weights and turn, moved at once or gently, and who wants to know.

const GENTLE_MS = 650;

export class State {
  constructor(meta) {
    this.names = meta.expressions;
    this.photo = { weights: meta.expression.slice(), turn: [0, 1, 2].map((x) => meta.rotation[0][x] + meta.rotation[1][x]) };
    this.neutral = { weights: meta.expression.map(() => 0), turn: [0, 0, 0] };
    this.weights = this.photo.weights.slice();
    this.turn = this.photo.turn.slice();
    this.listeners = [];
    this.motion = null;
  }

  set(name, value) {
    this.motion = null;
    this.weights[this.names.indexOf(name)] = value;
    this.tell();
  }

  setTurn(axis, radians) {
    this.motion = null;
    this.turn[axis] = radians;
    this.tell();
  }

  /** Goes to weights and turn; `null` leaves one as it is. */
  goTo({ weights, turn }, milliseconds = GENTLE_MS) {
    const to = { weights: weights ?? this.weights.slice(), turn: turn ?? this.turn.slice() };
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.motion = { from: { weights: this.weights.slice(), turn: this.turn.slice() }, to, began: null,
      milliseconds: still ? 0 : milliseconds };
  }

  /** Weights of the whole list from some by name; the rest is 0. */
  weightsOf(byName) {
    return this.names.map((name) => byName[name] ?? 0);
  }

  /** One step of a motion; true while something moves. */
  step(now) {
    const { motion } = this;
    if (!motion) return false;
    motion.began ??= now;
    const t = motion.milliseconds ? Math.min((now - motion.began) / motion.milliseconds, 1) : 1;
    const eased = t * t * (3 - 2 * t);
    for (const part of ["weights", "turn"])
      this[part] = motion.from[part].map((x, k) => x + eased * (motion.to[part][k] - x));
    if (t === 1) this.motion = null;
    this.tell();
    return true;
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }
}
