/** One conversation as the desk knows it: its events in order, without gaps, and what follows from them. Pure. */

/** @typedef {{kind: 'bot'|'queue'|'agent'|'closed', agentId: string|null, agentName: string}} Holder */

export class Chat {
  constructor(id) {
    this.id = id;
    this.events = [];
    this.lastSeq = 0;
    /** @type {Holder} */
    this.holder = nobody('bot');
    /** The number up to which the server has promised history; null before it answered `watch`. */
    this.historyEnd = null;
    /** Numbers of messages with abusive words, and of those that the agent wanted to read all the same. */
    this.abusive = new Set();
    this.unveiled = new Set();
    /** Colleagues who look at it too: id -> {name, at}. */
    this.lookers = new Map();
    /** A `watch` is under way that will fill a gap; no second one is needed. */
    this.repairing = false;
  }

  /** Is the history that existed when we began to watch here? */
  get isLoaded() {
    return this.historyEnd !== null && this.lastSeq >= this.historyEnd;
  }

  /**
   * Take an event that the server sent.
   * @returns {'new'|'known'|'gap'} "gap": its predecessor never came, so watch again after `lastSeq`
   */
  take({ prev, event }) {
    if (event.seq <= this.lastSeq) return 'known';
    if (prev > this.lastSeq) return 'gap';
    this.events.push(event);
    this.lastSeq = event.seq;
    this.holder = holderAfter(this.holder, event);
    if (event.kind === 'decision_made' && event.basis.reason === 'abusive')
      for (const seq of event.covers) this.abusive.add(seq);
    return 'new';
  }
}

/** @returns {Holder} */
function nobody(kind) {
  return { kind, agentId: null, agentName: '' };
}

/** Who holds the chat once `event` has happened. */
export function holderAfter(holder, event) {
  switch (event.kind) {
    case 'chat_queued':
    case 'chat_released':
      return nobody('queue');
    case 'chat_claimed':
      return { kind: 'agent', agentId: event.agent_id, agentName: event.agent_name };
    case 'chat_returned':
    case 'chat_reopened':
      return nobody('bot');
    case 'chat_closed':
      return nobody('closed');
    default:
      return holder;
  }
}
