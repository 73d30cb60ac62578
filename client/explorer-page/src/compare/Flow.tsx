/** The flow from the clusters of this run to those of the other: the wider a band, the more images. */

import type { Comparison } from "../data/api";
import { groupColour } from "../data/colours";
import { dark } from "../data/state";
import { tellCluster } from "./ComparisonDialog";

const WIDTH = 720;
const HEIGHT = 340;
const GAP = 10;
const BAR = 14;
const SIDE = 92;

interface Band {
  line: number;
  column: number;
  count: number;
  left: number;
  right: number;
  thick: number;
}

/** Where each bar begins, and each band at both of its ends. */
function layOut({ counts }: Comparison): { lefts: number[]; rights: number[]; bands: Band[]; unit: number } {
  const lines = counts.map((line) => line.reduce((sum, count) => sum + count, 0));
  const columns = (counts[0] ?? []).map((_, column) => counts.reduce((sum, line) => sum + line[column]!, 0));
  const total = Math.max(
    lines.reduce((sum, count) => sum + count, 0),
    1,
  );
  const unit = (HEIGHT - GAP * (Math.max(lines.length, columns.length) - 1)) / total;
  const stack = (sizes: number[]) => {
    let at = (HEIGHT - (total * unit + GAP * (sizes.length - 1))) / 2;
    return sizes.map((size) => {
      const start = at;
      at += size * unit + GAP;
      return start;
    });
  };
  const [lefts, rights] = [stack(lines), stack(columns)];
  const [left, right] = [[...lefts], [...rights]];
  const bands: Band[] = [];
  counts.forEach((line, row) =>
    line.forEach((count, column) => {
      if (!count) return;
      bands.push({ line: row, column, count, left: left[row]!, right: right[column]!, thick: count * unit });
      left[row]! += count * unit;
      right[column]! += count * unit;
    }),
  );
  return { lefts, rights, bands, unit };
}

export function Flow({ found, show }: { found: Comparison; show: (line: number, column: number) => void }) {
  const { lefts, rights, bands, unit } = layOut(found);
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  const [from, to] = [SIDE + BAR, WIDTH - SIDE - BAR];
  const middle = (from + to) / 2;
  return (
    <svg
      class="flow"
      viewBox={`0 -18 ${WIDTH} ${HEIGHT + 26}`}
      role="img"
      aria-label="Flow of images between the clusters of both runs; the table below says the same"
    >
      <text x={0} y={-6}>
        this run
      </text>
      <text x={WIDTH} y={-6} text-anchor="end">
        the other run
      </text>
      {bands.map((band) => {
        const [y0, y1] = [band.left + band.thick / 2, band.right + band.thick / 2];
        return (
          <path
            key={`${band.line}-${band.column}`}
            class="band"
            stroke={groupColour(found.clusters[band.line]!, dark.value)}
            stroke-width={Math.max(band.thick, 1)}
            d={`M${from} ${y0}C${middle} ${y0} ${middle} ${y1} ${to} ${y1}`}
            onClick={() => show(band.line, band.column)}
          >
            <title>{`${band.count.toLocaleString("en")} images: ${tellCluster(found.clusters[band.line]!)} here, ${tellCluster(found.otherClusters[band.column]!)} there`}</title>
          </path>
        );
      })}
      {found.clusters.map((cluster, line) => {
        const high = Math.max(sum(found.counts[line]!) * unit, 1);
        return (
          <g key={cluster}>
            <rect
              x={SIDE}
              y={lefts[line]}
              width={BAR}
              height={high}
              fill={groupColour(cluster, dark.value)}
            />
            <text x={SIDE - 8} y={lefts[line]! + high / 2} text-anchor="end" dominant-baseline="middle">
              {tellCluster(cluster)}
            </text>
          </g>
        );
      })}
      {found.otherClusters.map((cluster, column) => {
        const high = Math.max(sum(found.counts.map((line) => line[column]!)) * unit, 1);
        return (
          <g key={cluster}>
            <rect class="other" x={to} y={rights[column]} width={BAR} height={high} />
            <text x={WIDTH - SIDE + 8} y={rights[column]! + high / 2} dominant-baseline="middle">
              {tellCluster(cluster)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
