/** What is known of the shown images by their classes: a bar, and the same in words. */

import { useComputed } from "@preact/signals";
import { classColour } from "../data/colours";
import { dark, filters, fixed, shown } from "../data/state";

export function ClassShares() {
  const counts = useComputed(() => {
    const column = fixed.columns.byName.get("class");
    if (!column?.values) return [];
    const found = new Array<number>(column.values.length).fill(0);
    for (const row of shown.value) if (column.numbers[row]! >= 0) found[column.numbers[row]!]!++;
    return found
      .map((count, code) => ({ count, code, name: column.values![code]! }))
      .filter(({ count }) => count);
  });
  if (!counts.value.length) return null;
  const sorted = [...counts.value].sort((a, b) => b.count - a.count);
  return (
    <div class="class-shares">
      <div class="shares" aria-hidden="true">
        {sorted.map(({ count, code }) => (
          <span key={code} style={{ flexGrow: count, background: classColour(code, dark.value) }} />
        ))}
      </div>
      <ul aria-label="Classes of the images shown">
        {sorted.slice(0, 8).map(({ count, code, name }) => (
          <li key={code}>
            <button
              class="link"
              title={`Show ${name} alone`}
              onClick={() =>
                (filters.value = { ...filters.value, codes: { ...filters.value.codes, class: [code] } })
              }
            >
              <span class="dot" style={{ background: classColour(code, dark.value) }} />
              {name} {count.toLocaleString("en")}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
