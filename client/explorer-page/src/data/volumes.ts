/** Volumes and their scans. */

import type { Columns } from "./columns";
import { fixed } from "./state";

let known: Map<number, number[]> | null = null;

/** The rows of each volume in the order of its scans; read once. */
export function volumes(): Map<number, number[]> {
  known ??= readVolumes(fixed.columns);
  return known;
}

/** The scan so many places further on in the same volume; null if there is none. */
export function scanBeside(row: number, step: number): number | null {
  const code = fixed.columns.byName.get("volume")?.numbers[row] ?? -1;
  const rows = volumes().get(code) ?? [];
  return rows[rows.indexOf(row) + step] ?? null;
}

function readVolumes(columns: Columns): Map<number, number[]> {
  const volumes = new Map<number, number[]>();
  const codes = columns.byName.get("volume")?.numbers;
  const scans = columns.byName.get("scan")?.numbers;
  codes?.forEach((code, row) => {
    if (code < 0) return;
    const rows = volumes.get(code);
    if (rows) rows.push(row);
    else volumes.set(code, [row]);
  });
  if (scans) for (const rows of volumes.values()) rows.sort((a, b) => scans[a]! - scans[b]!);
  return volumes;
}
