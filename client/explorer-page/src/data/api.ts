/** The explorer's server: what it is asked, and what it answers. */

export interface Result {
  images: number;
  title: string;
  runId: string;
  started: string;
  identified: boolean;
  classes: string[];
  maps: string[];
  pictures: boolean;
  /** How many images are not where they were, and what helps; empty if all are there. */
  imagesText?: string;
  compare: boolean;
  researchUseOnly: string;
}

export interface Group {
  id: string;
  name: string;
  /** Whether a person gave the name. */
  named: boolean;
  note: string;
  images: number;
  cluster: number | null;
}

export interface HistoryLine {
  number: number;
  who: string;
  when: string;
  text: string;
  undone: boolean;
}

export interface State {
  version: number;
  groups: Group[];
  unusable: number;
  labels: number;
  /** Labels that came from others. */
  propagated: number;
  labelValues: string[];
  canUndo: boolean;
  canRedo: boolean;
  undoText: string;
  redoText: string;
  history: HistoryLine[];
  warnings: string[];
}

export type Act =
  | { kind: "name"; group: string; name: string }
  | { kind: "note"; group: string; note: string }
  | { kind: "merge"; groups: string[]; name?: string }
  | { kind: "split"; group: string; parts: number[][]; names?: string[] }
  | { kind: "move"; rows: number[]; group: string; name?: string }
  | { kind: "unusable"; rows: number[]; unusable: boolean }
  | { kind: "label"; rows: number[]; label: string | null }
  | { kind: "propagate"; certainty: number };

export interface Neighbours {
  ready: boolean;
  progress: number;
  text: string;
  /** Why it will never be ready; empty while it may be. */
  error: string;
  rows: number[];
  distances: number[];
}

export interface Job {
  done: boolean;
  progress: number;
  text: string;
  error: string;
  parts: number[][];
}

export interface Propagation {
  ready: boolean;
  text: string;
  /** Why it will never be ready; empty while it may be. */
  error: string;
  values: string[];
  labels: number[];
  certainty: number[];
  ask: number[];
}

export interface Comparison {
  clusters: number[];
  otherClusters: number[];
  counts: number[][];
  /** Pairs of a cluster here and the one there that has most of its images. */
  partners: [number, number][];
  /** What this run and the other one are called. */
  runs?: [string, string];
  /** Names that a person gave clusters of the other run. */
  otherNames?: Record<string, string>;
  /** How many images have no partner; empty if all have one. */
  text?: string;
  /** Images in both runs, but in no pair. */
  changed: number;
  matched: number;
  missing: number;
}

export interface Exported {
  files: string[];
  images: number;
  text: string;
}

/** A refusal of the server, in its words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

const GONE =
  "The explorer does not answer. Start it again with octcluster explore, and open the address that it prints.";

async function call(path: string, body?: unknown): Promise<Response> {
  const options: RequestInit = { cache: "no-store" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch {
    throw new Refusal(0, GONE);
  }
  if (!answer.ok) throw new Refusal(answer.status, await readRefusal(answer));
  return answer;
}

async function readRefusal(answer: Response): Promise<string> {
  try {
    const told = (await answer.json()) as Record<string, unknown>;
    const sentence = told["error"] ?? told["detail"] ?? told["message"];
    if (typeof sentence === "string") return sentence;
  } catch {
    // No JSON: the status has to do.
  }
  return `The explorer refused this (status ${answer.status}). Load the page anew.`;
}

export async function read<Answer>(path: string): Promise<Answer> {
  return (await (await call(path)).json()) as Answer;
}

export async function readBytes(path: string): Promise<ArrayBuffer> {
  return (await call(path)).arrayBuffer();
}

export async function send<Answer>(path: string, body: unknown): Promise<Answer> {
  return (await (await call(path, body)).json()) as Answer;
}

/** Sides of pictures that the server makes, in pixels. */
export type Side = "96" | "128" | "192" | "full";

/** The side that fits a place of this many CSS pixels: a little too small is not seen, and made much sooner. */
export function sideFor(pixels: number): Side {
  const wanted = pixels * Math.min(devicePixelRatio, 2);
  return wanted <= 104 ? "96" : wanted <= 150 ? "128" : "192";
}

export function pictureAddress(row: number, side: Side): string {
  return `api/pictures/${row}?side=${side}`;
}
