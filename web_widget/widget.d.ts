/** Types of `window.Warmline` and of /widget.js. Import them for their effect: `import './widget.d.ts'`. */

import type { ChatClaimed, ChatClosed, ChatQueued, ChatReturned, MessageSaid } from './protocol';

export interface WarmlineEvents {
  /** A listener added later hears it, too. */
  ready: undefined;
  opened: undefined;
  closed: undefined;
  message: MessageSaid;
  'handoff.requested': ChatQueued;
  'handoff.accepted': ChatClaimed;
  'handoff.ended': ChatReturned | ChatClosed;
  'consent.changed': { purposes: Purposes; receipt: Receipt | null };
  error: { code: string; message: string };
}

export interface Purposes {
  chat: boolean;
  sentiment: boolean;
  remember: boolean;
}

export interface Receipt {
  id: string;
  at: string;
  what: string;
  [more: string]: unknown;
}

type Name = keyof WarmlineEvents;
type Listener<N extends Name> = (detail: WarmlineEvents[N]) => void;

export interface Warmline {
  /** Resolves when the panel is there, or could not be loaded (an `error` event says so). */
  open(): Promise<void>;
  close(): void;
  toggle(): Promise<void> | void;
  /** Shows the launcher again after `hide()`. */
  show(): void;
  hide(): void;
  /** Rejects with a RangeError where there is no catalogue of that language. */
  setLocale(tag: string): Promise<void>;
  requestHuman(): Promise<void>;
  /** Opens the visitor's data and gives the visitor, not the page, the file. */
  exportMyData(): Promise<void>;
  /** Asks the visitor. Resolves with the receipt, or null where the visitor thought better of it. */
  eraseMyData(): Promise<Receipt | null>;
  on<N extends Name>(name: N, listener: Listener<N>): void;
  off<N extends Name>(name: N, listener: Listener<N>): void;
  /** `Warmline.push(['open'])`: a method and what it is given. Works before the script has run, too. */
  push(...calls: Array<[name: keyof Warmline, ...given: unknown[]]>): void;
}

export interface Options {
  language?: string;
  dir?: 'ltr' | 'rtl';
  theme?: 'auto' | 'light' | 'dark';
  privacy?: string;
}

/** Puts the widget on this page, once. */
export function mount(options?: Options): void;

declare global {
  interface Window {
    /** Before the script has run: a list of calls that wait for it. */
    Warmline: Warmline;
  }
  interface WindowEventMap {
    'warmline:ready': Event;
    'warmline:opened': CustomEvent<undefined>;
    'warmline:closed': CustomEvent<undefined>;
    'warmline:message': CustomEvent<MessageSaid>;
    'warmline:handoff.requested': CustomEvent<ChatQueued>;
    'warmline:handoff.accepted': CustomEvent<ChatClaimed>;
    'warmline:handoff.ended': CustomEvent<ChatReturned | ChatClosed>;
    'warmline:consent.changed': CustomEvent<WarmlineEvents['consent.changed']>;
    'warmline:error': CustomEvent<WarmlineEvents['error']>;
  }
}
