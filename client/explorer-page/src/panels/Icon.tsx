/** Small line drawings for buttons; each button has its words beside them. */

const PATHS = {
  lasso:
    "M10 3c4 0 7 2 7 4.7s-3 4.8-7 4.8c-1.6 0-3.1-.3-4.3-1M5.700 11.500C4.100 10.600 3 9.200 3 7.700 3 5 6 3 10 3M4 13a1.800 1.800 0 1 0 3.500 0A1.800 1.800 0 0 0 4 13m2 2c.5 1 .3 2-.8 2.600",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  undo: "M7 4 3.500 7.500 7 11M4 7.500h8a4.500 4.500 0 0 1 0 9H8",
  redo: "m13 4 3.500 3.500L13 11M16 7.500H8a4.500 4.500 0 0 0 0 9h4",
  close: "m5 5 10 10M15 5 5 15",
  left: "m12 4-6 6 6 6",
  right: "m8 4 6 6-6 6",
  check: "m4 10.500 4 4 8-9",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="drawn" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
