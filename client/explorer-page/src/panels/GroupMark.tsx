/** The colour and the shape of a group: the shape says the same to those who see no colours. */

import type { Group } from "../data/api";
import { shapePath } from "../data/colours";
import { colourOfGroup, markOfGroup } from "../data/state";

export function GroupMark({ group }: { group: Group }) {
  return (
    <svg class="group-mark" viewBox="0 0 16 16" aria-hidden="true">
      <path d={shapePath(markOfGroup(group))} fill={colourOfGroup(group)} />
    </svg>
  );
}
