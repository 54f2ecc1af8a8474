// Shows example expressions one after another, with a blink now and then.

import { EXAMPLES, PLAYED } from "./units.js";

const HOLD_MS = 1500, MOVE_MS = 750;

export class Player {
  constructor(state, onChange) {
    Object.assign(this, { state, onChange, playing: false, next: 0, place: 0 });
  }

  toggle() {
    this.playing = !this.playing;
    this.next = 0;
    this.onChange(this.playing);
  }

  stop() {
    if (this.playing) this.toggle();
  }

  step(now) {
    if (!this.playing || now < this.next) return;
    const name = PLAYED[this.place];
    const weights = name ? this.state.weightsOf(EXAMPLES[name]) : this.state.photo.weights;
    this.state.goTo({ weights, turn: null }, MOVE_MS);
    this.place = (this.place + 1) % PLAYED.length;
    this.next = now + MOVE_MS + HOLD_MS;
  }
}
