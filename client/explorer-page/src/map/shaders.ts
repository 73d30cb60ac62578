/** The two small programs that draw the points. */

export const VERTICES = `#version 300 es
in vec2 places;
in vec4 colours;
in float stages;
uniform vec2 middle, zoom;
uniform float stage, size;
uniform vec3 faint;
out vec3 colour;
flat out int shape;
void main() {
  bool drawn = stages == stage && places.x == places.x;
  gl_Position = drawn ? vec4((places - middle) * zoom, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
  colour = stage == 0.0 ? faint : colours.rgb;
  shape = int(colours.a * 255.0 + 0.5);
}`;

/** Shapes by their distance to the edge, in halves of the point; small points are all round. */
export const FRAGMENTS = `#version 300 es
precision highp float;
in vec3 colour;
flat in int shape;
uniform float stage, size;
uniform vec3 ink;
out vec4 painted;
float edge(vec2 at) {
  vec2 off = abs(at);
  if (shape == 1) return max(off.x, off.y) - 0.8;
  if (shape == 2) return off.x + off.y - 1.0;
  if (shape == 3) return max(at.y - 0.75, 0.9 * off.x - 0.5 * at.y - 0.45);
  if (shape == 4) return max(-at.y - 0.75, 0.9 * off.x + 0.5 * at.y - 0.45);
  if (shape == 5) return max(max(off.x, off.y) - 0.95, min(off.x, off.y) - 0.36);
  if (shape == 6) return max(off.x - 0.95, off.y - 0.42);
  return length(at) - 0.9;
}
void main() {
  vec2 at = gl_PointCoord * 2.0 - 1.0;
  float distance = size < 5.0 ? length(at) - 0.95 : edge(at);
  float softness = 1.6 / size;
  float cover = 1.0 - smoothstep(-softness, softness, distance);
  if (cover <= 0.0) discard;
  vec3 shade = colour;
  if (stage == 2.0) shade = mix(colour, ink, smoothstep(-3.4 / size - softness, -3.4 / size + softness, distance));
  float alpha = cover * (stage == 0.0 ? 0.5 : stage == 1.0 ? 0.85 : 1.0);
  painted = vec4(shade * alpha, alpha);
}`;
