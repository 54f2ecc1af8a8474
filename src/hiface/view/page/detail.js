// Eqs. 7 and 9 on the graphics card: maps and tension in, the slopes of the displacement out.

import * as THREE from "./three.min.js";
import { COMPOSE, SLOPES } from "./shaders.js";
import { Screen, material } from "./screen.js";

export class DetailMaps {
  /** `geometry`: the face's; `count`: its first so many indices are the face tile; `fine`: texels of slopes a texel. */
  constructor(arrays, side, geometry, count, fine) {
    this.side = side;
    this.texels = texelsOf(arrays.mask, side);
    this.values = new Float32Array(4 * side * side);
    this.texels.forEach((texel, p) => (this.values[4 * texel] = arrays.static_map[p]));
    this.maps = new THREE.DataTexture(this.values, side, side, THREE.RGBAFormat, THREE.FloatType);
    this.strength = new THREE.Vector2(1, 1);
    this.composed = target(side);
    this.slopes = target(side * fine);
    this.flat = flatTile(geometry, count, this.maps, this.strength);
    this.screen = new Screen(SLOPES, { detail: { value: this.composed.texture }, side: { value: side } });
  }

  /** D_com and D_str at the texels of the mask, mm. */
  set(compressed, stretched) {
    const { values, texels } = this;
    for (let p = 0; p < texels.length; p++) {
      values[4 * texels[p] + 1] = compressed[p];
      values[4 * texels[p] + 2] = stretched[p];
    }
    this.maps.needsUpdate = true;
  }

  draw(renderer) {
    renderer.setRenderTarget(this.composed);
    renderer.clear();
    renderer.render(this.flat.scene, this.flat.camera);
    this.screen.draw(renderer, this.slopes);
    renderer.setRenderTarget(null);
  }

  /** D and M as the card worked them out, row 0 is v = 0: for tests. */
  read(renderer) {
    const half = new Uint16Array(4 * this.side * this.side);
    renderer.readRenderTargetPixels(this.composed, 0, 0, this.side, this.side, half);
    return half;
  }
}

/** Where the mask's texels lie in a map whose row 0 is v = 0; the mask is packed, most significant bit first, row 0 v = 1. */
export function texelsOf(mask, side) {
  const texels = [];
  for (let i = 0; i < side * side; i++)
    if (mask[i >> 3] & (128 >> (i & 7))) texels.push((side - 1 - Math.floor(i / side)) * side + (i % side));
  return Uint32Array.from(texels);
}

function target(side) {
  return new THREE.WebGLRenderTarget(side, side, {
    type: THREE.HalfFloatType, depthBuffer: false, minFilter: THREE.LinearFilter, magFilter: THREE.LinearFilter,
  });
}

function flatTile(geometry, count, maps, strength) {
  const tile = new THREE.BufferGeometry();
  for (const name of ["uv", "tension"]) tile.setAttribute(name, geometry.getAttribute(name));
  tile.setIndex(geometry.index);
  tile.setDrawRange(0, count);
  const paint = material(COMPOSE, { maps: { value: maps }, strength: { value: strength } });
  paint.side = THREE.DoubleSide;
  paint.depthTest = false;
  const mesh = new THREE.Mesh(tile, paint);
  mesh.frustumCulled = false;
  const scene = new THREE.Scene();
  scene.add(mesh);
  return { scene, camera: new THREE.OrthographicCamera() };
}
