/** What a browser keeps: in this tab, and only if the visitor wants to be recognised, beyond it. */

/** Blocked or full storage is as good as none: then a reload starts anew. */
function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

const read = (storage, name) => attempt(() => JSON.parse(storage().getItem(name)));

export function recall(name) {
  return read(() => sessionStorage, name) ?? read(() => localStorage, name) ?? {};
}

/**
 * @param {object | null | undefined} lasting what this browser may know after the tab is closed; null: nothing;
 *     undefined: that is not this tab's to say
 */
export function remember(name, value, lasting) {
  attempt(() => sessionStorage.setItem(name, JSON.stringify(value)));
  if (lasting) attempt(() => localStorage.setItem(name, JSON.stringify(lasting)));
  else if (lasting === null) attempt(() => localStorage.removeItem(name));
}

export function lasts(name) {
  return Boolean(read(() => localStorage, name));
}

/** crypto.randomUUID is missing on pages without https. */
export function uuid() {
  const random = (digit) => crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4));
  return '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, (digit) => (digit ^ random(digit)).toString(16));
}
