/** The images that the model finds most like this one. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Neighbours as Answer, read } from "../data/api";
import { colourOfGroup, describe, focused, groupOf, opened, scope } from "../data/state";
import { Picture } from "../wall/Picture";

const COUNT = 24;
const WAIT_MILLISECONDS = 400;

export function Neighbours({ row }: { row: number }) {
  const answer = useSignal<Answer | null>(null);
  const trouble = useSignal("");
  useEffect(() => {
    let stopped = false;
    answer.value = null;
    trouble.value = "";
    const ask = async () => {
      try {
        const found = await read<Answer>(`neighbours/${row}?count=${COUNT}`);
        if (stopped) return;
        answer.value = found;
        if (found.error) trouble.value = found.error;
        else if (!found.ready) setTimeout(() => stopped || void ask(), WAIT_MILLISECONDS);
      } catch (error) {
        if (!stopped) trouble.value = (error as Error).message;
      }
    };
    void ask();
    return () => {
      stopped = true;
    };
  }, [row]);
  const found = answer.value;
  const showInWall = () => {
    scope.value = { rows: Uint32Array.from([row, ...(found?.rows ?? [])]), title: "Like one image" };
    opened.value = null;
  };
  return (
    <section class="neighbours" aria-label="More like this" aria-busy={!found?.ready && !trouble.value}>
      <header>
        <h3>More like this</h3>
        {found?.ready && (
          <button class="link" onClick={showInWall}>
            Show on the wall
          </button>
        )}
      </header>
      {trouble.value && <p class="notice">{trouble.value}</p>}
      {!found && !trouble.value && <p class="hint">Looking …</p>}
      {found && !found.ready && !trouble.value && (
        <p class="hint" aria-live="polite">
          {found.text} <progress value={found.progress} max={1} />
        </p>
      )}
      {found?.ready && (
        <ol>
          {found.rows.map((other, place) => (
            <li key={other}>
              <button
                style={{ borderBottomColor: colourOfGroup(groupOf(other)) }}
                aria-label={describe(other)}
                title={`${describe(other)}; distance ${found.distances[place]?.toFixed(3)}`}
                onClick={() => {
                  focused.value = other;
                  opened.value = other;
                }}
              >
                <Picture row={other} side="96" />
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
