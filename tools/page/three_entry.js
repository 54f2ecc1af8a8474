// What the page takes of three.js; esbuild leaves the rest out where it can.
export {
  BufferAttribute, BufferGeometry, DataTexture, DepthTexture, DoubleSide, FloatType, GLSL3, HalfFloatType,
  LessEqualCompare, LineSegments, LinearFilter, LinearMipmapLinearFilter, Matrix3, Mesh, OrthographicCamera,
  PerspectiveCamera, RGBAFormat, RawShaderMaterial, SRGBColorSpace, Scene, Spherical, Texture, UnsignedIntType,
  Vector2, Vector3, WebGLRenderTarget, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
