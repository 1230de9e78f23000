import { toast } from './toast.js';

/** Copy `text` and say so. The clipboard is only there on https and localhost; elsewhere say that, too. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied: ${text}`);
  } catch {
    toast('The browser did not allow copying. Select the text and copy it by hand.', { kind: 'bad' });
  }
}
