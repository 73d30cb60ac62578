/** Paints the points: by WebGL where the browser has it, else on a plain canvas. */

import type { Camera } from "./camera";
import { paintPlain } from "./plain_painter";
import type { Points } from "./points";
import { FRAGMENTS, VERTICES } from "./shaders";

/** How a point is drawn: behind all others, as it is, or in front. */
export const FAINT = 0;
export const PLAIN = 1;
export const SELECTED = 2;

export interface Looks {
  /** Red, green, blue and shape of each row. */
  colours: Uint8Array;
  /** FAINT, PLAIN or SELECTED of each row. */
  stages: Uint8Array;
}

export interface Scene {
  camera: Camera;
  ink: [number, number, number];
  faint: [number, number, number];
}

export interface Painter {
  kind: "webgl" | "plain";
  setPoints(points: Points, mixed: Uint32Array): void;
  setLooks(looks: Looks): void;
  paint(scene: Scene): void;
}

/** The diameter of a point in CSS pixels: small where there are many, larger as one zooms in. */
export function pointSize(rows: number, camera: Camera, points: Points): number {
  const whole = Math.max(points.box.columns, points.box.lines) * points.box.cell * camera.scale;
  const spread = whole / Math.max(camera.width, camera.height, 1);
  const base = rows > 40_000 ? 2.6 : rows > 8_000 ? 3.6 : rows > 1_500 ? 5 : rows > 200 ? 7 : 10;
  return Math.min(base * Math.max(spread, 0.8) ** 0.45, 18);
}

export function openPainter(canvas: HTMLCanvasElement): Painter {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
  return gl ? new GraphicsPainter(gl) : new PlainPainter(canvas);
}

class PlainPainter implements Painter {
  readonly kind = "plain";
  private points?: Points;
  private mixed: Uint32Array = new Uint32Array(0);
  private looks?: Looks;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  setPoints(points: Points, mixed: Uint32Array): void {
    [this.points, this.mixed] = [points, mixed];
  }

  setLooks(looks: Looks): void {
    this.looks = looks;
  }

  paint(scene: Scene): void {
    if (!this.points || !this.looks) return;
    paintPlain(this.canvas, { points: this.points, mixed: this.mixed, looks: this.looks, scene });
  }
}

class GraphicsPainter implements Painter {
  readonly kind = "webgl";
  private readonly program: WebGLProgram;
  private readonly buffers: Record<"places" | "colours" | "stages" | "mixed", WebGLBuffer>;
  private points?: Points;
  private rows = 0;

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.program = link(gl);
    const buffer = () => gl.createBuffer() as WebGLBuffer;
    this.buffers = { places: buffer(), colours: buffer(), stages: buffer(), mixed: buffer() };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPoints(points: Points, mixed: Uint32Array): void {
    const { gl } = this;
    const places = new Float32Array(2 * points.x.length);
    points.x.forEach((x, row) => {
      places[2 * row] = x - points.box.left;
      places[2 * row + 1] = points.y[row]! - points.box.bottom;
    });
    [this.points, this.rows] = [points, mixed.length];
    this.fill("places", places, 2, gl.FLOAT, false);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers.mixed);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mixed, gl.STATIC_DRAW);
  }

  setLooks({ colours, stages }: Looks): void {
    this.fill("colours", colours, 4, this.gl.UNSIGNED_BYTE, true);
    this.fill("stages", stages, 1, this.gl.UNSIGNED_BYTE, false);
  }

  private fill(
    name: "places" | "colours" | "stages",
    values: AllowSharedBufferSource,
    size: number,
    type: number,
    unit: boolean,
  ): void {
    const { gl } = this;
    const place = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, type, unit, 0, 0);
  }

  paint({ camera, ink, faint }: Scene): void {
    if (!this.points) return;
    const { gl, program, points } = this;
    const uniform = (name: string) => gl.getUniformLocation(program, name);
    const ratio = gl.canvas.width / Math.max(camera.width, 1);
    const size = pointSize(this.rows, camera, points);
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.useProgram(program);
    gl.uniform2f(uniform("middle"), camera.x - points.box.left, camera.y - points.box.bottom);
    gl.uniform2f(uniform("zoom"), (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform3f(uniform("ink"), ...ink);
    gl.uniform3f(uniform("faint"), ...faint);
    for (const stage of [FAINT, PLAIN, SELECTED]) {
      gl.uniform1f(uniform("stage"), stage);
      gl.uniform1f(uniform("size"), (size + (stage === SELECTED ? 4 : 0)) * ratio);
      gl.drawElements(gl.POINTS, this.rows, gl.UNSIGNED_INT, 0);
    }
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, text] of [
    [gl.VERTEX_SHADER, VERTICES],
    [gl.FRAGMENT_SHADER, FRAGMENTS],
  ] as const) {
    const shader = gl.createShader(type) as WebGLShader;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program) ?? "WebGL");
  return program;
}
