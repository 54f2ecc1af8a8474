// Camera, lights and the passes of a picture. Nothing is drawn unless something changed.

import * as THREE from "./three.min.js";
import { wiresOf } from "./face.js";
import { Screen, material } from "./screen.js";
import { FACE, HOLLOWS, SEEN, SHADOW, SOFTEN, WIRES } from "./shaders.js";

export const VIEWS = ["texture", "clay", "normals", "tension", "albedo"];
const DISTANCE_MM = 900;
const NEAR_MM = 200, FAR_MM = 3000;
const SHADOW_SIDE = 1024, SHADOW_SIDE_IN_SOFTWARE = 512;
const LIGHT_RADIUS_MM = 150;
const FINEST = 2; // device pixels per CSS pixel
const GLOSS = { teeth: 1.2, gums: 0.8, mouth: 0.3, sockets: 0.3 };

export class Stage {
  constructor(canvas, face, textures) {
    this.canvas = canvas;
    this.face = face;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !face.software, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setClearColor(0, 0);
    this.centre = centreOf(face.meta);
    this.camera = new THREE.PerspectiveCamera(16, 1, NEAR_MM, FAR_MM);
    const side = face.software ? SHADOW_SIDE_IN_SOFTWARE : SHADOW_SIDE;
    this.shadow = depthTarget(side, side, true);
    this.seen = depthTarget(1, 1, false);
    this.hollows = [0, 1].map(() => new THREE.WebGLRenderTarget(1, 1, { depthBuffer: false }));
    this.uniforms = this.#sharedUniforms(textures);
    this.#build(textures);
    this.controls = this.#orbit();
    this.changed = { shape: true, picture: true };
    this.frames = 0;
    this.owed = false; // a picture with shadows, after one without
    this.unhindered = new THREE.DataTexture(new Uint8Array([255, 255, 0, 255]), 1, 1);
    this.unhindered.needsUpdate = true;
    this.reset();
  }

  #sharedUniforms() {
    return {
      view: { value: 0 }, detail: { value: this.face.detail.slopes.texture },
      hollows: { value: this.hollows[1].texture },
      lightFrame: { value: lightFrame() }, lightCentre: { value: new THREE.Vector3() },
      lightRadius: { value: LIGHT_RADIUS_MM }, viewport: { value: new THREE.Vector2() },
      brightness: { value: new THREE.Vector3(...this.face.meta.eyes.brightness) },
      iris: { value: new THREE.Vector2(this.face.meta.eyes.iris, this.face.meta.eyes.pupil) },
    };
  }

  #build(textures) {
    const { pieces } = this.face.meta, { geometry } = this.face;
    const paints = pieces.map((piece) => this.#paint(piece.name, textures));
    const mesh = (paint) => Object.assign(new THREE.Mesh(geometry, paint), { frustumCulled: false });
    this.scene = new THREE.Scene();
    this.scene.add(mesh(paints));
    const solid = (paint, names) => pieces.map(({ name }) => (names(name) ? paint : hidden()));
    this.shadowScene = new THREE.Scene();
    this.shadowScene.add(mesh(solid(this.#plain(SHADOW), (name) => name === "face" || name === "head")));
    this.seenScene = new THREE.Scene();
    this.seenScene.add(mesh(solid(this.#plain(SEEN), (name) => name !== "lashes")));
    const { lightFrame, lightCentre, lightRadius } = this.uniforms;
    this.hollowScreen = new Screen(HOLLOWS, {
      depths: { value: this.seen.depthTexture }, normals: { value: this.seen.texture },
      shadow: { value: this.shadow.depthTexture }, camera: { value: [] }, lightFrame, lightCentre, lightRadius,
    });
    this.softScreen = new Screen(SOFTEN, { hollows: { value: this.hollows[0].texture } });
    this.wires = wires(geometry, this.face.arrays);
    this.scene.add(this.wires);
  }

  #plain(shader) {
    const { lightFrame, lightCentre, lightRadius } = this.uniforms;
    const paint = material(shader, { lightFrame, lightCentre, lightRadius });
    paint.side = THREE.DoubleSide;
    return paint;
  }

  #paint(name, textures) {
    const flat = this.face.meta.flat[name] ?? [0, 0, 0];
    const skin = name === "face" || name === "head";
    const uniforms = {
      ...this.uniforms, flatColour: { value: new THREE.Vector3(...flat) },
      colours: { value: textures[name] ?? null }, albedo: { value: textures[`${name}_albedo`] ?? null },
    };
    const defines = { GLOSS: (GLOSS[name] ?? 0).toFixed(2) };
    if (skin) defines.SKIN = 1;
    if (name === "face") defines.DETAIL = 1;
    if (name === "eyes") defines.EYES = 1;
    if (name === "lashes") defines.LASHES = 1;
    const paint = material(FACE, uniforms, defines);
    paint.polygonOffset = true;
    paint.polygonOffsetFactor = paint.polygonOffsetUnits = 1;
    if (!skin && name !== "eyes") paint.side = THREE.DoubleSide;
    if (name === "lashes") Object.assign(paint, { transparent: true, depthWrite: false, forceSinglePass: true });
    return paint;
  }

  #orbit() {
    const controls = new THREE.OrbitControls(this.camera, this.canvas);
    Object.assign(controls, {
      enableDamping: true, dampingFactor: 0.12, minDistance: 320, maxDistance: 2200, zoomSpeed: 0.7, rotateSpeed: 0.8,
    });
    controls.addEventListener("change", () => (this.changed.picture = true));
    return controls;
  }

  /** The camera before the face, framed as the photo. */
  reset() {
    this.controls.target.set(0, 0, this.centre.z);
    this.camera.position.set(0, 0, this.centre.front + DISTANCE_MM);
    this.controls.update();
    this.changed.picture = true;
  }

  /** Turns the camera round the face by radians to the right and up, and scales its distance. */
  turn(right, up, nearer = 1) {
    const { target } = this.controls;
    const place = new THREE.Spherical().setFromVector3(this.camera.position.clone().sub(target));
    place.theta += right;
    place.phi = Math.min(Math.max(place.phi - up, 0.05), Math.PI - 0.05);
    place.radius = Math.min(Math.max(place.radius * nearer, this.controls.minDistance), this.controls.maxDistance);
    this.camera.position.setFromSpherical(place).add(target);
    this.controls.update();
    this.changed.picture = true;
  }

  set view(name) {
    this.uniforms.view.value = VIEWS.indexOf(name);
    this.changed.picture = true;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, FINEST));
    this.renderer.setSize(width, height, false);
    const size = this.renderer.getDrawingBufferSize(this.uniforms.viewport.value);
    for (const target of [this.seen, ...this.hollows]) target.setSize(Math.ceil(size.x / 2), Math.ceil(size.y / 2));
    const aspect = width / height;
    const half = Math.atan(this.face.meta.photo.side_mm / 2 / DISTANCE_MM / Math.min(1, aspect));
    Object.assign(this.camera, { aspect, fov: (360 / Math.PI) * half });
    this.camera.updateProjectionMatrix();
    const up = Math.tan(half);
    this.hollowScreen.uniforms.camera.value = [NEAR_MM, FAR_MM, up * aspect, up];
    this.changed.picture = true;
  }

  /** Draws if something changed; true if it did. `quick`: without shadows and hollows, which are then owed. */
  draw(quick = false) {
    this.controls.update();
    const { shape, picture } = this.changed;
    if (!shape && !picture && (quick || !this.owed)) return false;
    this.changed = { shape: false, picture: false };
    this.owed = quick;
    const { renderer, camera } = this;
    camera.updateMatrixWorld();
    if (shape) this.face.detail.draw(renderer);
    if (!quick) this.#findHollows();
    this.uniforms.hollows.value = quick ? this.unhindered : this.hollows[1].texture;
    renderer.setRenderTarget(null);
    renderer.clear();
    renderer.render(this.scene, camera);
    this.frames += 1;
    return true;
  }

  #findHollows() {
    const { renderer, camera } = this;
    this.uniforms.lightCentre.value.set(0, 0, this.centre.z).applyMatrix4(camera.matrixWorldInverse);
    for (const [scene, target] of [[this.shadowScene, this.shadow], [this.seenScene, this.seen]]) {
      renderer.setRenderTarget(target);
      renderer.clear();
      renderer.render(scene, camera);
    }
    this.hollowScreen.draw(renderer, this.hollows[0]);
    this.softScreen.draw(renderer, this.hollows[1]);
  }

  /** Gives the graphics card back what it holds. */
  close() {
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }
}

/** Does this browser draw without a graphics card? */
export function drawsInSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2");
  const told = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

export function textureOf(bitmap, software) {
  const texture = new THREE.Texture(bitmap);
  Object.assign(texture, {
    colorSpace: THREE.SRGBColorSpace, flipY: false, anisotropy: software ? 1 : 4, needsUpdate: true,
    generateMipmaps: !software, minFilter: software ? THREE.LinearFilter : THREE.LinearMipmapLinearFilter,
  });
  return texture;
}

function hidden() {
  const paint = new THREE.RawShaderMaterial();
  paint.visible = false;
  return paint;
}

function depthTarget(width, height, compared) {
  const depthTexture = new THREE.DepthTexture(width, height, THREE.UnsignedIntType);
  if (compared) {
    depthTexture.compareFunction = THREE.LessEqualCompare;
    depthTexture.minFilter = depthTexture.magFilter = THREE.LinearFilter;
  }
  return new THREE.WebGLRenderTarget(width, height, { depthTexture });
}

/** Rows: right, up and towards the key light. */
function lightFrame() {
  const key = new THREE.Vector3(-0.62, 0.58, 0.62).normalize();
  const right = new THREE.Vector3(0, 1, 0).cross(key).normalize(), up = key.clone().cross(right);
  return new THREE.Matrix3().set(right.x, right.y, right.z, up.x, up.y, up.z, key.x, key.y, key.z);
}

/** Along z: the axis that the head is turned round, and the plane of the face that is framed as the photo. */
function centreOf({ joints }) {
  const [, head, left, right] = joints.map((joint) => joint[2]);
  const eyes = 0.5 * (left + right);
  return { z: 0.5 * (head + eyes), front: eyes + 8 };
}

function wires(geometry, arrays) {
  const lines = new THREE.BufferGeometry();
  for (const name of ["position", "normal"]) lines.setAttribute(name, geometry.getAttribute(name));
  lines.setIndex(new THREE.BufferAttribute(wiresOf(arrays), 1));
  const paint = material(WIRES, {});
  Object.assign(paint, { transparent: true, depthWrite: false });
  const mesh = new THREE.LineSegments(lines, paint);
  return Object.assign(mesh, { frustumCulled: false, visible: false });
}
