/** Filters by what is known of the images. */

import { Signal, useComputed, useSignal } from "@preact/signals";
import { fixed, filters } from "../data/state";
import { countFilters, type Filters, NO_FILTERS } from "../data/filters";

const WORDS: Record<string, string> = {
  class: "Class",
  eye: "Eye",
  device: "Device",
  visit: "Visit",
  patient: "Patient",
  volume: "Volume",
};
/** More values than these are typed, not ticked. */
const MOST_TICKS = 12;

function change(patch: Partial<Filters>): void {
  filters.value = { ...filters.value, ...patch };
}

export function FilterPanel() {
  const has = (name: string) => fixed.columns.byName.has(name);
  const count = countFilters(filters.value);
  return (
    <details class="panel filters">
      <summary>Filters {count > 0 && <span class="badge">{count}</span>}</summary>
      {Object.keys(WORDS)
        .filter(has)
        .map((name) => (
          <Words key={name} name={name} />
        ))}
      {has("silhouette") && <Silhouette />}
      <fieldset>
        <legend>Marks</legend>
        {has("outlier") && (
          <Tick
            label="Outliers alone"
            value={filters.value.outliers}
            set={(outliers) => change({ outliers })}
          />
        )}
        {has("duplicate") && (
          <Tick
            label="Duplicates alone"
            value={filters.value.duplicates}
            set={(duplicates) => change({ duplicates })}
          />
        )}
      </fieldset>
      <Choice
        label="Unusable images"
        value={filters.value.unusable}
        options={{ with: "shown", without: "hidden", only: "alone" }}
        set={(unusable) => change({ unusable: unusable as Filters["unusable"] })}
      />
      <Choice
        label="Labels"
        value={filters.value.labelled}
        options={{ all: "with and without", hand: "by hand", spread: "by suggestion", without: "without" }}
        set={(labelled) => change({ labelled: labelled as Filters["labelled"] })}
      />
      <p class="buttons">
        <button disabled={!count} onClick={() => (filters.value = NO_FILTERS)}>
          Clear all filters
        </button>
      </p>
    </details>
  );
}

function setCodes(name: string, codes: number[]): void {
  change({ codes: { ...filters.value.codes, [name]: codes } });
}

function Words({ name }: { name: string }) {
  const values = fixed.columns.byName.get(name)?.values ?? [];
  const kept = filters.value.codes[name] ?? [];
  if (values.length < 2) return null;
  if (values.length > MOST_TICKS) return <Typed name={name} values={values} kept={kept} />;
  return (
    <fieldset>
      <legend>{WORDS[name]}</legend>
      {values.map((value, code) => (
        <Tick
          key={value}
          label={value}
          value={kept.includes(code)}
          set={(on) => setCodes(name, on ? [...kept, code] : kept.filter((one) => one !== code))}
        />
      ))}
    </fieldset>
  );
}

function Typed({ name, values, kept }: { name: string; values: string[]; kept: number[] }) {
  const text = useSignal("");
  const found = useComputed(() => {
    const wanted = text.value.trim().toLowerCase();
    if (!wanted) return [];
    return values.flatMap((value, code) => (value.toLowerCase().includes(wanted) ? [code] : [])).slice(0, 8);
  });
  return (
    <fieldset>
      <legend>{WORDS[name]}</legend>
      {kept.map((code) => (
        <button
          key={code}
          class="chip"
          title="Remove this filter"
          onClick={() =>
            setCodes(
              name,
              kept.filter((one) => one !== code),
            )
          }
        >
          {values[code]} ×
        </button>
      ))}
      <Search label={`Find a ${name}`} text={text} />
      {found.value
        .filter((code) => !kept.includes(code))
        .map((code) => (
          <button
            key={code}
            class="link found"
            onClick={() => {
              setCodes(name, [...kept, code]);
              text.value = "";
            }}
          >
            {values[code]}
          </button>
        ))}
    </fieldset>
  );
}

function Search({ label, text }: { label: string; text: Signal<string> }) {
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={`${label} …`}
      value={text.value}
      onInput={(event) => (text.value = event.currentTarget.value)}
    />
  );
}

function Silhouette() {
  const [low, high] = filters.value.silhouette ?? [-1, 1];
  const set = (pair: [number, number]) => change({ silhouette: pair[0] <= -1 && pair[1] >= 1 ? null : pair });
  return (
    <fieldset>
      <legend>Fit to its group (silhouette)</legend>
      <div class="range">
        <span>at least</span> <output>{low.toFixed(2)}</output>
        <input
          type="range"
          aria-label="Silhouette at least"
          min={-1}
          max={1}
          step={0.05}
          value={low}
          onInput={(event) => set([Math.min(event.currentTarget.valueAsNumber, high), high])}
        />
      </div>
      <div class="range">
        <span>at most</span> <output>{high.toFixed(2)}</output>
        <input
          type="range"
          aria-label="Silhouette at most"
          min={-1}
          max={1}
          step={0.05}
          value={high}
          onInput={(event) => set([low, Math.max(event.currentTarget.valueAsNumber, low)])}
        />
      </div>
    </fieldset>
  );
}

function Tick({ label, value, set }: { label: string; value: boolean; set: (on: boolean) => void }) {
  return (
    <label class="tick">
      <input type="checkbox" checked={value} onChange={(event) => set(event.currentTarget.checked)} /> {label}
    </label>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: Record<string, string>;
  set: (value: string) => void;
}

function Choice({ label, value, options, set }: ChoiceProps) {
  return (
    <label class="choice">
      {label}
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {Object.entries(options).map(([key, words]) => (
          <option value={key}>{words}</option>
        ))}
      </select>
    </label>
  );
}
