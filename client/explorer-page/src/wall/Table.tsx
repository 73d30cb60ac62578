/** The images as a table, a hundred at a time: all that is known of each, for reading and for screen readers. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { numberAt, wordAt } from "../data/columns";
import {
  fixed,
  groupOf,
  isSpread,
  isUnusable,
  labelOf,
  nameOf,
  opened,
  selection,
  shown,
} from "../data/state";
import { toggle } from "./keys";

const PAGE = 100;
const WORDS = ["class", "patient", "eye", "visit", "device", "volume"];
const FLAGS = ["outlier", "duplicate"];

export function Table() {
  const page = useSignal(0);
  const rows = shown.value;
  useEffect(() => void (page.value = 0), [rows]);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const words = WORDS.filter((name) => fixed.columns.byName.has(name));
  const numbers = ["silhouette", "distance"].filter((name) => fixed.columns.byName.has(name));
  const own = rows.subarray(page.value * PAGE, (page.value + 1) * PAGE);
  const headings = ["image", "group", "label", ...words, ...numbers, "marks"];
  return (
    <div class="table-view">
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of images">
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">selected</span>
              </th>
              {headings.map((heading) => (
                <th scope="col">{heading}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...own].map((row) => (
              <tr key={row}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Select ${nameOf(row)}`}
                    checked={selection.value.mask[row] === 1}
                    onChange={() => toggle(row)}
                  />
                </td>
                <th scope="row">
                  <button class="link" onClick={() => (opened.value = row)}>
                    {nameOf(row)}
                  </button>
                </th>
                <td>{groupOf(row)?.name}</td>
                <td>{labelOf(row)}</td>
                {words.map((name) => (
                  <td>{wordAt(fixed.columns, name, row)}</td>
                ))}
                {numbers.map((name) => (
                  <td class="number">{showNumber(numberAt(fixed.columns, name, row))}</td>
                ))}
                <td>{tellMarks(row)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="pages">
        <button disabled={page.value === 0} onClick={() => page.value--}>
          Previous
        </button>
        <span aria-live="polite">
          Page {page.value + 1} of {pages}
        </span>
        <button disabled={page.value + 1 >= pages} onClick={() => page.value++}>
          Next
        </button>
      </p>
    </div>
  );
}

export function showNumber(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : "";
}

export function tellMarks(row: number): string {
  const marks = FLAGS.filter((name) => numberAt(fixed.columns, name, row) === 1);
  return [
    ...(isUnusable(row) ? ["unusable"] : []),
    ...(isSpread(row) ? ["label suggested"] : []),
    ...marks,
  ].join(", ");
}
