// What runs on the graphics card. Lengths in millimetres; shading happens in the camera's frame, as in a studio
// where the lights stay and the person turns. Lights and colours are those of hiface/export/clay.py.

/** Draws the face tile flat in UV: tension interpolated between vertices, then Eqs. 7 and 9 at every texel. */
export const COMPOSE = {
  vertex: `
    in vec2 uv;
    in float tension;
    out float m;
    void main() {
      m = tension;
      gl_Position = vec4(2.0 * uv - 1.0, 0.0, 1.0);
    }`,
  fragment: `
    precision highp float;
    uniform highp sampler2D maps;  // D_sta, D_com, D_str
    uniform vec2 strength;         // of static and of dynamic detail
    in float m;
    out vec4 result;
    void main() {
      vec3 d = texelFetch(maps, ivec2(gl_FragCoord.xy), 0).rgb;
      float dynamic = max(m, 0.0) * d.g + max(-m, 0.0) * d.b;
      result = vec4(strength.x * d.r + strength.y * dynamic, m, 0.0, 1.0);
    }`,
};

/** ∂D/∂u and ∂D/∂v of the bicubic surface through the texels (mm per unit), depth below the surroundings, tension. */
export const SLOPES = {
  vertex: `
    in vec2 uv;
    out vec2 place;
    void main() {
      place = uv;
      gl_Position = vec4(2.0 * uv - 1.0, 0.0, 1.0);
    }`,
  fragment: `
    precision highp float;
    uniform highp sampler2D detail;
    uniform float side;
    in vec2 place;
    out vec4 result;

    vec4 weights(float t) {  // Catmull-Rom
      return vec4(((-0.5 * t + 1.0) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1.0,
                  ((-1.5 * t + 2.0) * t + 0.5) * t, (0.5 * t - 0.5) * t * t);
    }
    vec4 slopes(float t) {
      return vec4((-1.5 * t + 2.0) * t - 0.5, (4.5 * t - 5.0) * t, (-4.5 * t + 4.0) * t + 0.5, (1.5 * t - 1.0) * t);
    }
    float below(float here) {
      float sum = 0.0;
      for (int k = 0; k < 10; k++) {
        float angle = 2.399963 * float(k), reach = 4.6 * sqrt((float(k) + 0.5) / 10.0);
        sum += texture(detail, place + vec2(cos(angle), sin(angle)) * reach / side).r;
      }
      return sum / 10.0 - here;
    }
    void main() {
      vec2 at = place * side - 0.5;
      ivec2 first = ivec2(floor(at)) - 1;
      vec2 t = fract(at);
      vec4 wu = weights(t.x), wv = weights(t.y), du = slopes(t.x), dv = slopes(t.y);
      vec2 slope = vec2(0.0), value = vec2(0.0);
      for (int j = 0; j < 4; j++)
        for (int i = 0; i < 4; i++) {
          ivec2 texel = clamp(first + ivec2(i, j), ivec2(0), ivec2(int(side) - 1));
          vec2 d = texelFetch(detail, texel, 0).rg;
          slope += d.r * vec2(du[i] * wv[j], wu[i] * dv[j]);
          value += d * wu[i] * wv[j];
        }
      result = vec4(slope * side, below(value.r), value.g);
    }`,
};

/** Depth as the key light sees it. */
export const SHADOW = {
  vertex: `
    in vec3 position;
    uniform mat4 modelViewMatrix;
    uniform mat3 lightFrame;
    uniform vec3 lightCentre;
    uniform float lightRadius;
    void main() {
      vec3 place = lightFrame * ((modelViewMatrix * vec4(position, 1.0)).xyz - lightCentre) / lightRadius;
      gl_Position = vec4(place.xy, -place.z, 1.0);
    }`,
  fragment: `
    precision highp float;
    out vec4 result;
    void main() { result = vec4(1.0); }`,
};

/** Normals and depth as the camera sees them: what occlusion is found on. */
export const SEEN = {
  vertex: `
    in vec3 position;
    in vec3 normal;
    uniform mat4 modelViewMatrix, projectionMatrix;
    uniform mat3 normalMatrix;
    out vec3 n;
    void main() {
      n = normalMatrix * normal;
      gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    }`,
  fragment: `
    precision highp float;
    in vec3 n;
    out vec4 result;
    void main() { result = vec4(normalize(n) * 0.5 + 0.5, 1.0); }`,
};

/** How much of the sky each pixel sees (horizons in eight directions on the depth of the picture), and of the key light. */
export const HOLLOWS = {
  vertex: SLOPES.vertex,
  fragment: `
    precision highp float;
    precision highp sampler2DShadow;
    uniform highp sampler2D depths;
    uniform sampler2D normals;
    uniform sampler2DShadow shadow;
    uniform vec4 camera;  // near, far, tan of half the field of view across and up
    uniform mat3 lightFrame;
    uniform vec3 lightCentre;
    uniform float lightRadius;
    in vec2 place;
    out vec4 result;

    vec3 pointAt(vec2 where) {
      float depth = textureLod(depths, where, 0.0).r;
      float z = camera.x * camera.y / (camera.y - depth * (camera.y - camera.x));
      return vec3((2.0 * where - 1.0) * camera.zw * z, -z);
    }
    float openAt(vec3 here, vec3 n, float turn) {
      vec2 perMm = 0.5 / (camera.zw * -here.z);
      float hidden = 0.0;
      for (int way = 0; way < 8; way++) {
        float angle = 0.785398 * (float(way) + turn);
        vec2 towards = vec2(cos(angle), sin(angle));
        float most = 0.0;
        for (int step = 0; step < 3; step++) {
          float reach = (step == 0 ? 2.5 : step == 1 ? 8.0 : 22.0) * (0.75 + 0.5 * turn);
          vec3 rise = pointAt(place + towards * reach * perMm) - here;
          float far = length(rise);
          float sine = dot(rise, n) / max(far, 1e-3) - 0.06;
          most = max(most, sine * smoothstep(60.0, 12.0, far));
        }
        hidden += most;
      }
      return 1.0 - clamp(1.35 * hidden / 8.0, 0.0, 0.92);
    }
    /** Compared with the tangent plane beside the point, or slanted skin would shade itself in stripes. */
    float litAt(vec3 here, vec3 n, float turn) {
      vec3 at = lightFrame * (here - lightCentre), facing = lightFrame * n;
      vec2 recede = clamp(facing.xy / max(facing.z, 1e-3), -4.0, 4.0);
      float sum = 0.0;
      for (int k = 0; k < 6; k++) {
        float angle = 2.4 * float(k) + 6.2832 * turn, reach = 3.0 * sqrt((float(k) + 0.5) / 6.0);
        vec2 beside = reach * vec2(cos(angle), sin(angle));
        float depth = -at.z - 2.0 + dot(beside, recede);
        sum += texture(shadow, vec3((at.xy + beside) / lightRadius, depth / lightRadius) * 0.5 + 0.5);
      }
      return sum / 6.0;
    }
    void main() {
      vec4 seen = texture(normals, place);
      if (seen.a < 0.5) { result = vec4(1.0); return; }
      vec3 n = normalize(seen.rgb * 2.0 - 1.0), here = pointAt(place);
      ivec2 cell = ivec2(gl_FragCoord.xy) & 3;
      float turn = float((cell.x * 4 + cell.y * 7 + (cell.x ^ cell.y) * 5) & 15) / 16.0;
      result = vec4(openAt(here, n, turn), litAt(here, n, turn), 0.0, 1.0);
    }`,
};

/** The mean over the sixteen turns of `HOLLOWS`. */
export const SOFTEN = {
  vertex: SLOPES.vertex,
  fragment: `
    precision highp float;
    uniform sampler2D hollows;
    in vec2 place;
    out vec4 result;
    void main() {
      vec2 texel = 1.0 / vec2(textureSize(hollows, 0));
      vec4 sum = vec4(0.0);
      for (int k = 0; k < 4; k++) sum += texture(hollows, place + texel * (vec2(k & 1, k >> 1) * 2.0 - 0.5));
      result = 0.25 * sum;
    }`,
};

const LIGHT = `
  const vec3 KEY = normalize(vec3(-0.62, 0.58, 0.62)), FILL = normalize(vec3(0.85, 0.05, 0.5));
  const vec3 RIM = normalize(vec3(0.7, 0.45, -0.62));
  const vec3 KEY_LIGHT = vec3(1.28, 1.22, 1.14), FILL_LIGHT = vec3(0.20, 0.23, 0.28), RIM_LIGHT = vec3(0.42, 0.45, 0.50);
  const vec3 SKY = vec3(0.30, 0.32, 0.36), GROUND = vec3(0.10, 0.09, 0.085);

  /** Light that falls on white; skin lets some red through where it turns from the key light and into shadow. */
  vec3 lightOn(vec3 n, float open, float lit, vec3 wrap) {
    vec3 key = max((dot(n, KEY) + wrap) / (1.0 + wrap), 0.0) * (lit + lit * (1.0 - lit) * 1.6 * (wrap - wrap.z));
    float fill = max(dot(n, FILL), 0.0) * open, edge = 1.0 - max(n.z, 0.0);
    float rim = max(dot(n, RIM) + 0.25, 0.0) * edge * edge * open;
    return KEY_LIGHT * key + FILL_LIGHT * fill + RIM_LIGHT * rim + open * mix(GROUND, SKY, n.y * 0.5 + 0.5);
  }
  float halfway(vec3 n, vec3 towards, vec3 light) { return max(dot(n, normalize(light + towards)), 0.0); }
  float fourth(float x) { x *= x; return x * x; }
  /** The gloss of skin: a broad and a sharp lobe, stronger at grazing angles. */
  vec3 glossOn(vec3 n, vec3 towards, float open, float lit) {
    float aside = 1.0 - max(dot(n, towards), 0.0), grazing = fourth(aside) * aside;
    float broad = fourth(fourth(halfway(n, towards, KEY))), sharp = fourth(broad);
    float key = (0.66 * broad + 0.85 * sharp) * max(dot(n, KEY), 0.0) * lit;
    float rim = 0.8 * fourth(fourth(halfway(n, towards, RIM))) * max(dot(n, RIM), 0.0);
    return (0.028 + 0.55 * grazing) * open * (KEY_LIGHT * key + RIM_LIGHT * rim);
  }
`;

export const FACE = {
  vertex: `
    in vec3 position;
    in vec3 normal;
    in vec2 uv;
    in float cover;
    in float reach;
    uniform mat4 modelViewMatrix, projectionMatrix;
    uniform mat3 normalMatrix;
    out vec3 seenFrom;
    out vec3 n;
    out vec2 place;
    out vec2 shown;
    void main() {
      shown = vec2(cover, reach);
      vec4 p = modelViewMatrix * vec4(position, 1.0);
      seenFrom = p.xyz;
      n = normalMatrix * normal;
      place = uv;
      gl_Position = projectionMatrix * p;
    }`,
  fragment: `
    precision highp float;
    uniform int view;  // 0 texture, 1 clay, 2 normals, 3 tension, 4 albedo
    uniform sampler2D colours, albedo, hollows;
    uniform highp sampler2D detail;
    uniform vec3 flatColour, brightness;
    uniform vec2 viewport, iris;
    in vec3 seenFrom;
    in vec3 n;
    in vec2 place;
    in vec2 shown;  // how much of the surface there is, and how much light gets to it
    out vec4 result;
    ${LIGHT}

    /** Unit normals of the surface raised by D: n − ∇D, with the gradient on the surface from the screen's own. */
    vec3 raised(vec3 n, vec2 slope) {
      vec3 px = dFdx(seenFrom), py = dFdy(seenFrom);
      vec2 rise = vec2(dot(slope, dFdx(place)), dot(slope, dFdy(place)));
      vec3 across = cross(py, n), along = cross(n, px);
      float area = dot(px, across);
      return normalize(abs(area) * n - sign(area) * (rise.x * across + rise.y * along));
    }
    vec3 encoded(vec3 linear) {
      vec3 c = clamp(linear, 0.0, 1.0);
      return mix(12.92 * c, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
    }
    vec3 tensionColour(float m) {
      vec3 grey = vec3(0.36), warm = vec3(0.86, 0.27, 0.035), cold = vec3(0.03, 0.25, 0.74);
      float much = smoothstep(0.0, 1.0, min(abs(m) * 1.1, 1.0));
      return mix(grey, m > 0.0 ? warm : cold, much);
    }

    void main() {
      vec3 smoothNormal = normalize(gl_FrontFacing ? n : -n), normal = smoothNormal, towards = normalize(-seenFrom);
      vec2 hollow = texture(hollows, gl_FragCoord.xy / viewport).rg;
      float open = hollow.r, lit = hollow.g, m = 0.0;
    #ifdef DETAIL
      vec4 d = texture(detail, place);
      normal = raised(smoothNormal, d.xy);
      open *= exp(-clamp(d.z * 1.3, -0.12, 1.2));
      m = d.w;
    #endif
      if (view == 2) { result = shown.x * vec4(normal * 0.5 + 0.5, 1.0); return; }
      vec3 wrap = view == 1 || view == 3 ? vec3(0.12) : vec3(0.30, 0.16, 0.12);
    #if defined(SKIN)
      vec3 light = lightOn(normal, open, lit, wrap);
      vec3 gloss = glossOn(normal, towards, open, lit);
      vec3 colour;
      if (view == 0) {
        // the photo's light is in its colours already, so the page's light only shapes them
        vec3 own = texture(colours, place).rgb;
        colour = own * mix(vec3(1.0), light / 1.15, 0.6) + 0.3 * gloss;
        colour = mix(colour, 1.0 - 0.3 * exp((0.7 - colour) / 0.3), step(0.7, colour));  // bright skin keeps its shape
      } else if (view == 4) {
        colour = texture(albedo, place).rgb * light + 0.8 * gloss;
      } else if (view == 3) {
        colour = tensionColour(m) * mix(vec3(0.75), light, 0.6);
      } else {
        colour = vec3(0.40, 0.375, 0.355) * light + 0.6 * gloss;
      }
    #elif defined(EYES)
      float radius = length(place - 0.5);
      float inIris = 1.0 - smoothstep(iris.x * 0.94, iris.x * 1.06, radius);
      float inPupil = 1.0 - smoothstep(iris.y * 0.9, iris.y * 1.15, radius);
      vec3 own = view == 1 || view == 3
        ? vec3(0.56, 0.555, 0.54) * (1.0 - 0.45 * inIris - 0.4 * inPupil)
        : texture(colours, place).rgb * (view == 0 ? brightness : vec3(1.0));
      vec3 light = lightOn(normal, open, mix(0.35, 1.0, lit), vec3(0.35));
      vec3 colour = own * mix(vec3(pow(open, 0.6)), light, view == 0 ? 0.55 : 0.9);
      float wet = smoothstep(0.25, 0.7, open) * mix(0.25, 1.0, lit);
      colour += wet * (0.85 * pow(halfway(normal, towards, KEY), 900.0)
        + 0.10 * pow(halfway(normal, towards, FILL), 260.0)
        + 0.015 * pow(1.0 - max(dot(normal, towards), 0.0), 3.0));
    #elif defined(LASHES)
      vec4 hair = texture(colours, place);
      if (view == 2 || view == 3 || hair.a < 0.02) discard;
      vec3 colour = view == 1 ? vec3(0.10, 0.095, 0.09) : hair.rgb;
    #else
      vec3 light = lightOn(normal, open, mix(0.2, 1.0, lit), vec3(0.3));
      vec3 own = view == 1 || view == 3 ? vec3(dot(flatColour, vec3(0.3, 0.5, 0.2))) : flatColour;
      vec3 tone = view == 0 ? brightness : vec3(1.0);
      vec3 colour = own * tone * mix(vec3(pow(open, 0.8)), light * open, 0.6) * shown.y;
      colour += GLOSS * shown.y * open * fourth(fourth(fourth(halfway(normal, towards, KEY)))) * lit * 0.14;
    #endif
    #ifdef LASHES
      result = vec4(encoded(colour), hair.a * (view == 1 ? 0.5 : 0.92));
    #else
      result = shown.x * vec4(encoded(colour), 1.0);  // colours of the canvas are premultiplied
    #endif
    }`,
};

export const WIRES = {
  vertex: `
    in vec3 position;
    in vec3 normal;
    uniform mat4 modelViewMatrix, projectionMatrix;
    uniform mat3 normalMatrix;
    out float facing;
    void main() {
      vec4 p = modelViewMatrix * vec4(position, 1.0);
      facing = dot(normalize(normalMatrix * normal), normalize(-p.xyz));
      p.xyz *= 0.9992;
      gl_Position = projectionMatrix * p;
    }`,
  fragment: `
    precision highp float;
    in float facing;
    out vec4 result;
    void main() { result = vec4(0.93, 0.95, 1.0, 0.38 * smoothstep(0.0, 0.3, facing)); }`,
};
