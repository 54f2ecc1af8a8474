// Passes that cover a whole target.

import * as THREE from "./three.min.js";

export function material({ vertex, fragment }, uniforms, defines = {}) {
  return new THREE.RawShaderMaterial({
    glslVersion: THREE.GLSL3, vertexShader: vertex, fragmentShader: fragment, uniforms, defines,
  });
}

/** One triangle over everything. */
export class Screen {
  constructor(shader, uniforms) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("uv", new THREE.BufferAttribute(new Float32Array([0, 0, 2, 0, 0, 2]), 2));
    geometry.setDrawRange(0, 3);
    this.uniforms = uniforms;
    const paint = material(shader, uniforms);
    paint.depthTest = false;
    paint.depthWrite = false;
    const mesh = new THREE.Mesh(geometry, paint);
    mesh.frustumCulled = false;
    this.scene = new THREE.Scene();
    this.scene.add(mesh);
    this.camera = new THREE.OrthographicCamera();
  }

  draw(renderer, target) {
    renderer.setRenderTarget(target);
    renderer.render(this.scene, this.camera);
  }
}
