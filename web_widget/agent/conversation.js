/** The middle pane: one conversation, what can be done with it, and the composer. */

import { el, fill, setText } from '../shared/dom.js';
import { icon, lamp } from '../shared/icons.js';
import { visitorName } from '../shared/words.js';
import { Composer } from './composer.js';
import { nodesFor, outgoingMessage, veil } from './timeline.js';

const TYPING_SHOWN_MS = 4000;
const AT_BOTTOM_PX = 48;
const LOOKING_MS = 45_000; // who looks says so every 20 s

/** What an agent can do with a chat, by who holds it. */
export const ACTIONS = {
  claim: { label: 'Claim', key: 'c' },
  release: {
    label: 'Release',
    key: 'r',
    icon: 'release',
    title: 'Put it back into the queue; the visitor keeps the place',
  },
  offer: { label: 'Pass on…', key: 't', icon: 'pass', title: 'Ask a colleague to take it over' },
  return_to_bot: { label: 'Return to bot…', key: 'b', icon: 'bot', title: 'The bot answers again' },
  close: { label: 'Close…', key: 'e', icon: 'check', title: 'Say how it ended' },
  reopen: { label: 'Reopen', key: 'u', icon: 'history', title: 'It goes on, with you' },
  take_over: { label: 'Take over', key: 'o', icon: 'person', title: 'As the owner, take it from the agent' },
};

export class ConversationView {
  #hooks;
  #myId;
  #isOwner;
  #chat = null;
  #item = null;
  #drawn = 0;
  #typingTimer = 0;
  #title = el('h2', { tabindex: '-1' });
  #state = el('p', { class: 'conversation-state' });
  #toolbar = el('div', { class: 'toolbar', role: 'group', 'aria-label': 'Actions' });
  #notice = el('div', { class: 'conversation-notice', role: 'alert' });
  #lookers = el('p', { class: 'lookers', role: 'status', hidden: true });
  #offer = el('div', { class: 'offer', role: 'status' });
  #offerShown = '';
  #logPlace = el('div');
  #log = null;
  #outgoing = el('div', { class: 'outgoing' });
  #typing = el('p', { class: 'typing', hidden: true });
  #scroller;
  #pill = el(
    'button',
    { type: 'button', class: 'button pill', hidden: true, onclick: () => this.#toBottom() },
    icon('down'),
    'New messages',
  );
  #composer;
  #body;
  #nothing;

  /**
   * @param {{id: string, role: string}} me
   * @param {{onAct: (kind: string) => void, onSend: (text) => void, onTyping: () => void, onDraft: (text) => void,
   *          onRetry: (key) => void, onDiscard: (key) => void, onBack: () => void, onDetails: () => void}} hooks
   */
  constructor(me, hooks) {
    this.#myId = me.id;
    this.#isOwner = me.role === 'owner';
    this.#hooks = hooks;
    this.#composer = new Composer({ ...hooks, onClaim: () => hooks.onAct('claim') });
    this.#scroller = el(
      'div',
      {
        class: 'pane-scroll conversation',
        tabindex: '0',
        role: 'region',
        'aria-label': 'Messages',
        onscroll: () => this.#onScroll(),
      },
      this.#logPlace,
      this.#outgoing,
      this.#typing,
    );
    this.#body = el(
      'div',
      { class: 'conversation-body', hidden: true },
      el(
        'header',
        { class: 'pane-head' },
        el(
          'button',
          {
            type: 'button',
            class: 'icon-button only-phone',
            'aria-label': 'Back to the chats',
            onclick: hooks.onBack,
          },
          icon('back'),
        ),
        el('div', { class: 'conversation-title' }, this.#title, this.#state),
        el(
          'button',
          { type: 'button', class: 'button quiet only-narrow', onclick: hooks.onDetails },
          icon('info'),
          'Details',
        ),
      ),
      this.#toolbar,
      this.#lookers,
      this.#offer,
      el('div', { class: 'conversation-middle' }, this.#scroller, this.#pill),
      this.#notice,
      this.#composer.element,
    );
    this.#nothing = el(
      'div',
      { class: 'empty tall' },
      lamp(),
      el('h2', {}, 'No chat open'),
      el(
        'p',
        {},
        'Choose one on the list, or press ',
        el('kbd', {}, 'j'),
        ' and ',
        el('kbd', {}, 'Enter'),
        '. ',
        el('kbd', {}, '?'),
        ' shows all shortcuts.',
      ),
    );
    this.element = el('section', { class: 'pane', 'aria-label': 'Conversation' }, this.#nothing, this.#body);
  }

  /** Show another chat (or the same again from the beginning), with the text that was being written in it. */
  open(chat, draft, item) {
    this.#chat = chat;
    this.#item = item;
    this.#composer.reset();
    this.#drawn = 0;
    this.#nothing.hidden = true;
    this.#body.hidden = false;
    setText(this.#title, visitorName(chat.id));
    this.#composer.text = draft;
    this.#typing.hidden = true;
    this.#pill.hidden = true;
    this.complain('');
    this.#log = el('div', { class: 'log', role: 'log', 'aria-label': 'Conversation', 'aria-live': 'off' });
    fill(this.#logPlace, this.#log);
    this.update();
    this.#toBottom();
  }

  /** No chat is open any more. */
  close() {
    this.#nothing.hidden = false;
    this.#body.hidden = true;
    this.#composer.text = '';
    for (const place of [this.#logPlace, this.#outgoing, this.#offer, this.#notice]) fill(place);
    this.#offerShown = '';
  }

  /** Draw what is new in the open chat. History is drawn silently; what comes after it is announced. */
  update() {
    const chat = this.#chat;
    const wasAtBottom = this.#isAtBottom();
    const fresh = chat.events.slice(this.#drawn);
    const wasLoaded = this.#log.getAttribute('aria-live') === 'polite';
    fresh.forEach((event, at) =>
      this.#log.append(
        ...nodesFor(
          event,
          chat.events[this.#drawn + at - 1] ?? null,
          this.#myId,
          (seq) => this.#isVeiled(event, seq),
          (seq) => chat.unveiled.add(seq),
        ),
      ),
    );
    this.#veilLate();
    this.#drawn = chat.events.length;
    this.#log.setAttribute('aria-busy', String(!chat.isLoaded));
    if (chat.isLoaded && !wasLoaded)
      requestAnimationFrame(() => this.#log.setAttribute('aria-live', 'polite'));
    if (fresh.some((event) => event.kind === 'message_said' && event.sender.kind === 'visitor'))
      this.#typing.hidden = true;
    setText(this.#state, stateWords(chat, this.#myId));
    this.#drawToolbar();
    this.#composer.show(chat.holder, this.#myId);
    this.showLookers();
    if (fresh.length) this.#follow(wasAtBottom || !wasLoaded);
  }

  /** What the queue says about the open chat: an offer, and whether abusive words fell. */
  showItem(item) {
    this.#item = item;
    if (!this.#chat) return;
    this.#veilLate();
    this.#drawToolbar();
    const offered = item?.offered ?? null;
    const state = JSON.stringify([this.#chat.id, offered, this.#chat.holder]);
    if (state === this.#offerShown) return;
    this.#offerShown = state;
    fill(this.#offer, offered && this.#offerNote(offered));
  }

  #offerNote({ to_id, to_name, note }) {
    const forMe = to_id === this.#myId;
    const mine = this.#chat.holder.agentId === this.#myId;
    const button = (kind, label, primary) =>
      el(
        'button',
        {
          type: 'button',
          class: primary ? 'button primary small' : 'button small',
          onclick: () => this.#hooks.onAct(kind),
        },
        label,
      );
    return el(
      'div',
      { class: 'note accent' },
      el(
        'p',
        {},
        el(
          'strong',
          {},
          forMe
            ? `${this.#chat.holder.agentName || 'A colleague'} asks you to take this chat over`
            : `Offered to ${to_name}`,
        ),
      ),
      el('p', { class: 'plain', dir: 'auto' }, note),
      el(
        'div',
        { class: 'actions' },
        forMe && button('accept_offer', 'Accept', true),
        forMe && button('end_offer', 'Decline'),
        mine && button('end_offer', 'Take it back'),
      ),
    );
  }

  /** Say who else looks at the open chat, so that two do not answer at once. */
  showLookers() {
    const now = Date.now();
    const names = [...(this.#chat?.lookers.values() ?? [])]
      .filter(({ at }) => now - at < LOOKING_MS)
      .map(({ name }) => name);
    this.#lookers.hidden = !names.length;
    setText(
      this.#lookers,
      names.length
        ? `${new Intl.ListFormat('en').format(names)} ${names.length === 1 ? 'is' : 'are'} looking at this chat too.`
        : '',
    );
  }

  startNote() {
    if (this.#chat) this.#composer.startNote();
  }

  /** Words are veiled where the bot found them abusive; where it only knows that some fell, all of the visitor's. */
  #isVeiled(event, seq) {
    const { abusive, unveiled } = this.#chat;
    if (event.kind !== 'message_said' || event.sender.kind !== 'visitor' || unveiled.has(seq)) return false;
    return abusive.has(seq) || (abusive.size === 0 && (this.#item?.veiled ?? false));
  }

  #veilLate() {
    const chat = this.#chat;
    if (!this.#log || (!chat.abusive.size && !this.#item?.veiled)) return;
    for (const event of chat.events) {
      if (!this.#isVeiled(event, event.seq)) continue;
      const node = this.#log.querySelector(`[data-seq="${event.seq}"]`);
      if (node) veil(node, () => chat.unveiled.add(event.seq));
    }
  }

  /** @param {import('./connection.js').Outgoing[]} messages */
  showOutgoing(messages) {
    const wasAtBottom = this.#isAtBottom();
    fill(
      this.#outgoing,
      messages.map((message) =>
        outgoingMessage(message, {
          onRetry: this.#hooks.onRetry,
          onDiscard: this.#hooks.onDiscard,
          onEdit: (key, text) => this.#edit(key, text),
        }),
      ),
    );
    if (messages.length) this.#follow(wasAtBottom);
    this.#composer.show(this.#chat.holder, this.#myId);
  }

  showTyping(who) {
    setText(this.#typing, who.kind === 'visitor' ? 'Visitor is typing…' : `${who.name} is typing…`);
    const wasAtBottom = this.#isAtBottom();
    this.#typing.hidden = false;
    this.#follow(wasAtBottom, { silent: true });
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => (this.#typing.hidden = true), TYPING_SHOWN_MS);
  }

  /** Say beside the composer why something did not work; an empty text takes it away. */
  complain(text) {
    fill(
      this.#notice,
      text &&
        el(
          'p',
          { class: 'note bad' },
          el('span', {}, text),
          el(
            'button',
            {
              type: 'button',
              class: 'icon-button small',
              'aria-label': 'Dismiss',
              onclick: () => this.complain(''),
            },
            icon('close'),
          ),
        ),
    );
  }

  focusComposer() {
    this.#composer.focus();
  }

  focusTitle() {
    this.#title.focus();
  }

  #edit(key, text) {
    this.#composer.text = [text, this.#composer.text].filter(Boolean).join('\n\n');
    this.#hooks.onDraft(this.#composer.text);
    this.#hooks.onDiscard(key);
    this.#composer.focus();
  }

  #drawToolbar() {
    const kinds = this.#kinds();
    this.#toolbar.hidden = !kinds.length;
    if (this.#toolbar.dataset.kinds === kinds.join()) return;
    this.#toolbar.dataset.kinds = kinds.join();
    fill(
      this.#toolbar,
      kinds.map((kind) => {
        const { label, title, key, icon: name } = ACTIONS[kind];
        return el(
          'button',
          {
            type: 'button',
            class: 'button quiet small',
            title: `${title} (${key})`,
            onclick: () => this.#hooks.onAct(kind),
          },
          icon(name),
          label,
        );
      }),
    );
  }

  #kinds() {
    const { kind, agentId } = this.#chat.holder;
    if (kind === 'closed') return this.#item?.ended_at ? ['reopen'] : [];
    if (kind !== 'agent') return [];
    if (agentId === this.#myId) return ['release', 'offer', 'return_to_bot', 'close'];
    return this.#isOwner ? ['take_over'] : [];
  }

  #isAtBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX;
  }

  /** Stay at the newest message if that is where the agent was; else offer the way there. */
  #follow(stay, { silent = false } = {}) {
    if (stay) this.#toBottom();
    else if (!silent) this.#pill.hidden = false;
  }

  #toBottom() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#pill.hidden = true;
  }

  #onScroll() {
    if (this.#isAtBottom()) this.#pill.hidden = true;
  }
}

function stateWords(chat, myId) {
  const { kind, agentId, agentName } = chat.holder;
  if (kind === 'queue') return 'Waiting for a person';
  if (kind === 'bot') return 'The bot is answering';
  if (kind === 'closed') return 'Closed';
  return agentId === myId ? 'You are helping' : `${agentName} is helping`;
}
