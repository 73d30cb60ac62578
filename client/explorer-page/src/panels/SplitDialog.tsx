/** Splits a group: clustered again inside it, or by a lasso on the map. */

import { useSignal } from "@preact/signals";
import { type Group, type Job, read, Refusal, send } from "../data/api";
import { complain, countImages, perform } from "../data/acting";
import { chosen, lassoing, tab } from "../data/state";
import { Picture } from "../wall/Picture";
import { closeDialog } from "./open_dialog";
import { Form, Modal } from "./Modal";

const WAIT_MILLISECONDS = 400;
const SAMPLES = 6;

async function cluster(group: string, k: number, say: (text: string) => void): Promise<number[][]> {
  const { job: number } = await send<{ job: number }>("split", { group, k });
  for (;;) {
    const job = await read<Job>(`jobs/${number}`);
    if (job.error) throw new Refusal(0, job.error);
    if (job.done) return job.parts;
    say(job.text);
    await new Promise((done) => setTimeout(done, WAIT_MILLISECONDS));
  }
}

export function SplitDialog({ group }: { group: Group }) {
  const working = useSignal("");
  const parts = useSignal<number[][] | null>(null);
  const ask = async ({ k = "2" }: Record<string, string>) => {
    working.value = "Clustering inside the group …";
    try {
      parts.value = await cluster(group.id, Number(k), (text) => (working.value = text));
    } catch (error) {
      await complain(error);
    }
    working.value = "";
  };
  const lasso = () => {
    chosen.value = new Set([group.id]);
    lassoing.value = true;
    tab.value = "map";
    closeDialog();
  };
  return (
    <Modal title={`Split ${group.name}`} close={closeDialog}>
      {parts.value ? (
        <Proposal group={group} parts={parts.value} />
      ) : (
        <>
          <Form button="Cluster again" send={(values) => void ask(values)}>
            <label class="field">
              Number of parts
              <input type="number" name="k" min={2} max={20} defaultValue="2" required autoFocus />
              <small>
                The images of this group are clustered again among themselves. You see the parts before
                anything changes.
              </small>
            </label>
          </Form>
          <p aria-live="polite" class="hint">
            {working.value}
          </p>
          <p>
            Or{" "}
            <button class="link" onClick={lasso}>
              draw around images on the map
            </button>
            , then choose Move and a new group.
          </p>
        </>
      )}
    </Modal>
  );
}

function Proposal({ group, parts }: { group: Group; parts: number[][] }) {
  const sorted = [...parts].sort((a, b) => b.length - a.length);
  const apply = (values: Record<string, string>) => {
    closeDialog();
    const names = sorted.map((_, place) => values[`name-${place}`] || `${group.name}, part ${place + 1}`);
    void perform(
      { kind: "split", group: group.id, parts: sorted, names },
      `${group.name} is ${sorted.length} groups now.`,
    );
  };
  return (
    <Form button="Split so" send={apply}>
      {sorted.map((rows, place) => (
        <section key={place} class="part">
          <label class="field">
            {`Part ${place + 1}: ${countImages(rows.length)}`}
            <input name={`name-${place}`} defaultValue={`${group.name}, part ${place + 1}`} maxLength={200} />
          </label>
          <div class="samples" aria-hidden="true">
            {rows.slice(0, SAMPLES).map((row) => (
              <Picture key={row} row={row} side="96" />
            ))}
          </div>
        </section>
      ))}
    </Form>
  );
}
