/** Two runs side by side: which images changed their group, as a flow and as a table. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Comparison, read } from "../data/api";
import { complain, countImages } from "../data/acting";
import { chosen, filters, fixed, groups, scope, tab } from "../data/state";
import { NO_FILTERS } from "../data/filters";
import { Modal } from "../panels/Modal";
import { Flow } from "./Flow";

/** The other run's cluster of an image that it does not have. */
const NOT_THERE = -2;

/** Shows the images that are elsewhere than in the partner of their cluster. */
function showChanged(found: Comparison): void {
  const partners = new Map(found.partners);
  showRows(
    (cluster, other) => other !== NOT_THERE && partners.get(cluster) !== other,
    "Changed their cluster",
  );
}

/** Shows the images of one cell on the wall: by the clusters of both runs, whatever was moved since. */
function showCell(cluster: number, other: number, title: string): void {
  showRows((own, there) => own === cluster && there === other, title);
}

function showRows(passes: (cluster: number, other: number) => boolean, title: string): void {
  const own = fixed.columns.byName.get("cluster")!.numbers;
  const others = fixed.columns.byName.get("other_cluster")!.numbers;
  const rows: number[] = [];
  own.forEach((value, row) => passes(value, others[row]!) && rows.push(row));
  chosen.value = new Set();
  filters.value = NO_FILTERS;
  scope.value = { rows: Uint32Array.from(rows), title };
  tab.value = "images";
}

/** Puts the other run's clusters beside those here whose images they hold, so that few bands cross. */
function untangle(found: Comparison): Comparison {
  const place = (column: number) => {
    const counts = found.counts.map((line) => line[column]!);
    const sum = counts.reduce((total, count) => total + count, 0);
    return counts.reduce((total, count, line) => total + count * line, 0) / Math.max(sum, 1);
  };
  const order = found.otherClusters.map((_, column) => column).sort((a, b) => place(a) - place(b));
  const arrange = <Value,>(values: Value[]) => order.map((column) => values[column]!);
  return { ...found, otherClusters: arrange(found.otherClusters), counts: found.counts.map(arrange) };
}

/** A cluster of this run, with the name that its group has been given. */
function tellOwn(cluster: number): string {
  const group = groups.value.find((one) => one.cluster === cluster);
  return group?.named ? `${tellCluster(cluster)} (${group.name})` : tellCluster(cluster);
}

/** A cluster of the other run, with the name that a person gave it there. */
function tellOther(found: Comparison, cluster: number): string {
  const name = found.otherNames?.[cluster];
  return name ? `${tellCluster(cluster)} (${name})` : tellCluster(cluster);
}

export function tellCluster(cluster: number): string {
  return cluster < 0 ? "noise" : `cluster ${cluster}`;
}

export function ComparisonDialog({ close }: { close: () => void }) {
  const found = useSignal<Comparison | null>(null);
  useEffect(() => {
    read<Comparison>("comparison")
      .then((answer) => (found.value = untangle(answer)))
      .catch(complain);
  }, []);
  const show = (line: number, column: number) => {
    const { clusters, otherClusters } = found.value!;
    const title = `${tellOwn(clusters[line]!)} here, ${tellCluster(otherClusters[column]!)} there`;
    showCell(clusters[line]!, otherClusters[column]!, title);
    close();
  };
  return (
    <Modal title="This run and the other one" close={close} wide>
      {!found.value && <p class="hint">Comparing …</p>}
      {found.value && <Found found={found.value} show={show} close={close} />}
    </Modal>
  );
}

interface FoundProps {
  found: Comparison;
  show: (line: number, column: number) => void;
  close: () => void;
}

function Found({ found, show, close }: FoundProps) {
  const { changed } = found;
  return (
    <>
      <p>
        {countImages(found.matched)} in both runs
        {found.missing > 0 && `, ${countImages(found.missing)} only here`}. A click on a band or a number
        shows its images.
      </p>
      {found.runs && (
        <p>
          Left: {found.runs[0]}. Right: {found.runs[1]}.
        </p>
      )}
      {found.text && <p class="notice">{found.text}</p>}
      <p class="buttons left">
        <button
          disabled={!changed}
          onClick={() => {
            showChanged(found);
            close();
          }}
        >
          Show the {countImages(changed)} that changed
        </button>
        <span class="hint">
          Clusters of both runs are paired by the images they share. These are in none of the pairs.
        </span>
      </p>
      <div class="scroll">
        <Flow found={found} show={show} />
      </div>
      <div class="scroll">
        <table>
          <caption>Images by their cluster here (lines) and in the other run (columns)</caption>
          <thead>
            <tr>
              <td />
              {found.otherClusters.map((other) => (
                <th scope="col" class="number">
                  {tellOther(found, other)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.clusters.map((cluster, line) => (
              <tr key={cluster}>
                <th scope="row">{tellOwn(cluster)}</th>
                {found.counts[line]!.map((count, column) => (
                  <td class="number">
                    {count > 0 ? (
                      <button
                        class="link"
                        aria-label={`${countImages(count)}: ${tellCluster(cluster)} here, ${tellCluster(found.otherClusters[column]!)} there`}
                        onClick={() => show(line, column)}
                      >
                        {count.toLocaleString("en")}
                      </button>
                    ) : (
                      "·"
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
