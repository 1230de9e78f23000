/** The house's line icons, 20 x 20, drawn with the current text colour. Decorative: a name stands beside each. */

import { svg } from './dom.js';

const PATHS = {
  back: 'M12 4 6 10l6 6',
  bot: 'M10 3v3M5 6h10a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2ZM7.5 10v2M12.5 10v2',
  check: 'm4 10.5 4 4 8-9',
  chevron: 'm6 8 4 4 4-4',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6.5V10l2.5 1.5',
  close: 'm5 5 10 10M15 5 5 15',
  copy: 'M8 7h7a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1ZM4 13V4a1 1 0 0 1 1-1h8',
  download: 'M10 3v9M6.5 8.5 10 12l3.5-3.5M4 16h12',
  down: 'M10 4v12M5 11l5 5 5-5',
  history: 'M3.5 8a7 7 0 1 1-.3 3.5M3 4v4h4M10 6.5V10l2.5 1.5',
  info: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 9.5v4M10 6.6v.1',
  keyboard:
    'M3 5h14a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1ZM5.5 8.5h.1M8.5 8.5h.1M11.5 8.5h.1M14.5 8.5h.1M6.5 12h7',
  leave: 'M8 3H4v14h4M12 6l4 4-4 4M16 10H7',
  mail: 'M3 5h14v10H3zM3 6l7 5 7-5',
  note: 'M5 3h10v9l-4 5H5zM15 12h-4v5M8 7h4M8 10h3',
  pass: 'M3 10h12M11 5.5 15.5 10 11 14.5M18 4v12',
  person: 'M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM3.8 17c.6-3.2 3-5 6.2-5s5.6 1.8 6.2 5',
  plus: 'M10 4v12M4 10h12',
  release: 'M4 9h8a4 4 0 0 1 0 8H8M7.5 5.5 4 9l3.5 3.5',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l4 4',
  send: 'M3 10 17 3l-5 14-3-6zM9 11l3-3',
  spark: 'M10 3v4M10 13v4M3 10h4M13 10h4M5.5 5.5l2 2M12.5 12.5l2 2M14.5 5.5l-2 2M7.5 12.5l-2 2',
  trash: 'M4 6h12M8 6V4h4v2M5.5 6l.7 11h7.6l.7-11',
  upload: 'M10 12V3M6.5 6.5 10 3l3.5 3.5M4 16h12',
  warn: 'M10 3.5 2.5 16.5h15zM10 8.5v4M10 14.4v.1',
};

/** @param {keyof PATHS} name */
export function icon(name) {
  return svg(
    'svg',
    { viewBox: '0 0 20 20', class: `icon icon-${name}`, 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: PATHS[name] }),
  );
}

/** The Warmline mark: a lit line between two people, one end a speech bubble. */
export function mark() {
  return svg(
    'svg',
    { viewBox: '0 0 28 28', class: 'mark', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', {
      class: 'mark-bubble',
      d: 'M14 2.5c6.6 0 11.5 4.3 11.5 10S20.6 22.5 14 22.5c-1.2 0-2.3-.1-3.4-.4L5 25.5l.9-5.2C3.8 18.5 2.5 15.7 2.5 12.5c0-5.7 4.9-10 11.5-10Z',
    }),
    svg('path', {
      class: 'mark-line',
      d: 'M6 13.5c2.2 0 2.2-4 4.4-4s2.2 7 4.4 7 2.2-5 4.4-5c1.4 0 1.7 2 2.8 2',
    }),
  );
}

/** Three bars, `level` of them filled: how heated a chat is, readable without colour. */
export function levelBars(level) {
  const bars = [1, 2, 3].map((n) =>
    svg('rect', {
      x: n * 5 - 3,
      y: 14 - n * 4,
      width: 3,
      height: n * 4,
      rx: 1,
      class: n <= level ? 'bar-on' : 'bar-off',
    }),
  );
  return svg(
    'svg',
    { viewBox: '0 0 17 16', class: 'level-bars', 'aria-hidden': 'true', focusable: 'false' },
    ...bars,
  );
}

/** For empty states: a lamp that stays on. */
export function lamp() {
  return svg(
    'svg',
    { viewBox: '0 0 64 64', class: 'lamp', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { class: 'lamp-glow', d: 'M16 58 24 30h16l8 28z' }),
    svg('path', { class: 'lamp-shade', d: 'M32 8v6M32 14c-8 0-13 7-14 16h28c-1-9-6-16-14-16Z' }),
    svg('path', { class: 'lamp-bulb', d: 'M28 31a4 4 0 0 0 8 0' }),
    svg('path', { class: 'lamp-base', d: 'M12 58h40' }),
  );
}
