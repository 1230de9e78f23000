/** The desk: holds what the server said, and lets the three panes show it. */

import { announce, toast } from '../shared/toast.js';
import { el, setText } from '../shared/dom.js';
import { runPage } from '../shared/page.js';
import { takeFromFragment } from '../shared/session.js';
import { count } from '../shared/words.js';
import { CaseCard } from './case-card.js';
import { Chat } from './chat.js';
import { Connection } from './connection.js';
import { ConversationView } from './conversation.js';
import { QueueList } from './queue-list.js';
import { listen, showSheet } from './shortcuts.js';

const TICK_MS = 5000;
const DONE_WORDS = {
  release: 'Back in the queue; the visitor kept the place.',
  return_to_bot: 'The bot answers again.',
  close: 'Closed. It reopens if the visitor writes again.',
};

class Desk {
  #session;
  #me;
  #connection;
  #queue = null;
  #epoch = null;
  #chats = new Map();
  #drafts = new Map();
  #seen = new Map();
  #openId = null;
  #underWay = new Set();
  #drawing = 0;
  #list;
  #conversation;
  #card;
  #panes;
  #banner = el('div', { class: 'banner', role: 'status' });
  #status = el(
    'button',
    {
      type: 'button',
      class: 'topbar-button',
      role: 'switch',
      'aria-checked': 'false',
      disabled: true,
      onclick: () => this.#switchStatus(),
    },
    el('span', { class: 'switch-track', 'aria-hidden': 'true' }),
    el('span', {}, 'Away'),
  );

  constructor(session, signedOut) {
    this.#session = session;
    this.#me = session.me;
    this.#connection = new Connection({
      onWelcome: (frame) => this.#welcomed(frame),
      onFrame: (frame) => this.#receive(frame),
      onOutbox: () => this.#showOutgoing(),
      onState: (isUp) => this.#showLine(isUp),
      onSignedOut: signedOut,
    });
    this.#list = new QueueList({
      onOpen: (id) => this.#open(id),
      onDone: (id) => this.#leftDone(id),
      onShortcuts: showSheet,
    });
    this.#conversation = new ConversationView(this.#me.id, {
      onAct: (kind) => this.#act(kind, this.#openId),
      onSend: (text) => this.#connection.say(this.#openId, text),
      onTyping: () => this.#connection.tell({ kind: 'typing', conversation_id: this.#openId }),
      onDraft: (text) => this.#drafts.set(this.#openId, text),
      onRetry: (key) => this.#connection.sayAgain(key),
      onDiscard: (key) => this.#connection.discard(key),
      onBack: () => this.#back(),
      onDetails: () => this.#showDetails(),
    });
    this.#card = new CaseCard(session, { onBack: () => this.#back() });
    this.#panes = el(
      'main',
      { class: 'panes', 'data-view': 'first' },
      this.#list.element,
      this.#conversation.element,
      this.#card.element,
    );
    this.main = el('div', { class: 'desk' }, this.#banner, this.#panes);
    this.tools = [this.#status];
    this.#listen();
    this.#connection.open();
  }

  /** The same person signed in again. */
  resume() {
    this.#connection.open();
  }

  stop() {
    this.#connection.close();
  }

  #listen() {
    listen({
      j: () => this.#list.move(1),
      k: () => this.#list.move(-1),
      ArrowDown: () => this.#list.move(1),
      ArrowUp: () => this.#list.move(-1),
      c: () => this.#act('claim', this.#targetId()),
      r: () => this.#act('release', this.#targetId()),
      b: () => this.#act('return_to_bot', this.#targetId()),
      e: () => this.#act('close', this.#targetId()),
      '?': showSheet,
      Escape: () => this.#back(),
    });
    setInterval(() => {
      this.#list.tick();
      this.#card.tick();
    }, TICK_MS);
    addEventListener('beforeunload', (event) => {
      if (this.#connection.hasUnsent) event.preventDefault();
    });
    const asked = takeFromFragment('chat');
    if (asked) this.#open(asked);
  }

  /* --- what the server says --- */

  #welcomed({ epoch }) {
    if (this.#epoch !== null && this.#epoch !== epoch) this.#chats.clear();
    this.#epoch = epoch;
    if (!this.#openId) return;
    if (!this.#chats.has(this.#openId)) this.#draw(this.#openId);
    this.#watch(this.#chats.get(this.#openId));
  }

  #receive(frame) {
    if (frame.kind === 'queue') this.#showQueue(frame);
    else if (frame.kind === 'watched') this.#watched(frame);
    else if (frame.kind === 'happened') this.#happened(frame);
    else if (frame.kind === 'typing' && frame.conversation_id === this.#openId)
      this.#conversation.showTyping(frame.who);
    else if (frame.kind === 'refused') this.#refused(frame);
    else if (frame.kind === 'erased') this.#erased(frame.conversation_id);
  }

  #watch(chat) {
    chat.repairing = true;
    this.#connection.tell({ kind: 'watch', conversation_id: chat.id, after: chat.lastSeq, ref: 'watch' });
  }

  #watched({ conversation_id, last_seq }) {
    const chat = this.#chats.get(conversation_id);
    if (!chat) return;
    chat.historyEnd = last_seq;
    chat.repairing = false;
    if (conversation_id === this.#openId) this.#drawSoon();
  }

  #happened(frame) {
    const id = frame.event.conversation_id;
    const chat = this.#chats.get(id);
    if (!chat) return;
    const outcome = chat.take(frame);
    if (outcome === 'gap' && !chat.repairing) this.#watch(chat);
    if (outcome !== 'new') return;
    if (id !== this.#openId) return;
    this.#seen.set(id, chat.lastSeq);
    this.#drawSoon();
  }

  /** Events come in bursts (a history of 500 is one): lay the page out once for all of a frame. */
  #drawSoon() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => {
      this.#showOutgoing();
      this.#conversation.update();
    });
  }

  /** A visitor was forgotten: nothing of the chat stays on this page either. */
  #erased(id) {
    for (const { key } of this.#connection.outgoing(id)) this.#connection.discard(key);
    for (const kept of [this.#chats, this.#drafts, this.#seen]) kept.delete(id);
    if (id !== this.#openId) return;
    cancelAnimationFrame(this.#drawing);
    this.#openId = null;
    this.#conversation.close();
    this.#showCard();
    this.#panes.dataset.view = 'first';
    this.#list.focus(null);
    toast('This chat was erased. Nothing of it is left.');
  }

  #refused(frame) {
    if (frame.ref === 'watch' && frame.code === 'not_found' && this.#openId) this.#erased(this.#openId);
    else if (frame.ref === 'watch') this.#conversation.complain(`This chat cannot be shown: ${frame.message}`);
    else toast(frame.message, { kind: 'bad' });
  }

  #showQueue(queue) {
    this.#announceWaiting(this.#queue?.waiting.length ?? null, queue.waiting.length);
    this.#queue = queue;
    this.#list.show(queue, {
      openId: this.#openId,
      myId: this.#me.id,
      isUnread: (item) => this.#isUnread(item),
    });
    document.title = queue.waiting.length ? `(${queue.waiting.length}) Desk · Warmline` : 'Desk · Warmline';
    this.#showStatus();
    this.#showCard();
  }

  #announceWaiting(before, now) {
    if (before !== null && now > before) announce(`${count(now, 'visitor is', 'visitors are')} waiting.`);
  }

  /** Does a chat of mine hold words of the visitor that I have not had on the screen? */
  #isUnread(item) {
    return (
      this.#isMine(item.conversation_id) &&
      item.conversation_id !== this.#openId &&
      item.last_from === 'visitor' &&
      item.last_seq > (this.#seen.get(item.conversation_id) ?? 0)
    );
  }

  #showLine(isUp) {
    setText(
      this.#banner,
      isUp ? '' : 'Reconnecting… What you send is kept and goes out when the line is back.',
    );
    this.#status.disabled = !isUp;
    if (!isUp) this.#checkSession();
  }

  /** A proxy may hide close code 4401 behind a failed handshake: ask by HTTP whether we are signed in. */
  #checkSession() {
    this.#session.request('GET', '/session').catch(() => {});
  }

  /* --- what the agent does --- */

  #open(id) {
    if (this.#openId && this.#openId !== id)
      this.#connection.tell({ kind: 'unwatch', conversation_id: this.#openId });
    this.#draw(id);
    this.#watch(this.#chats.get(id));
    this.#panes.dataset.view = 'second';
    if (this.#isMine(id)) this.#conversation.focusComposer();
    else this.#conversation.focusTitle();
  }

  #draw(id) {
    if (!this.#chats.has(id)) this.#chats.set(id, this.#newChat(id));
    const chat = this.#chats.get(id);
    this.#openId = id;
    this.#seen.set(id, Math.max(chat.lastSeq, this.#item(id)?.last_seq ?? 0));
    this.#conversation.open(chat, this.#drafts.get(id) ?? '');
    this.#showOutgoing();
    this.#list.markOpen(id);
    this.#showCard();
  }

  /** Until the history is here, the queue knows best who holds the chat. */
  #newChat(id) {
    const chat = new Chat(id);
    const item = this.#item(id);
    if (item?.state === 'waiting') chat.holder = { kind: 'queue', agentId: null, agentName: '' };
    if (item?.state === 'claimed')
      chat.holder = { kind: 'agent', agentId: item.agent_id, agentName: item.agent_name };
    return chat;
  }

  async #act(kind, id) {
    if (!id || this.#underWay.has(id)) return;
    if (kind === 'claim' && this.#isMine(id)) return this.#open(id);
    this.#underWay.add(id);
    try {
      await this.#connection.ask({ kind, conversation_id: id });
      if (kind === 'claim') this.#claimed(id);
      else this.#letGo(kind, id);
    } catch (refusal) {
      if (id !== this.#openId) toast(refusal.message, { kind: 'bad' });
      else this.#conversation.complain(refusal.message);
    } finally {
      this.#underWay.delete(id);
    }
    return undefined;
  }

  #claimed(id) {
    if (this.#openId !== id) this.#open(id);
    this.#chats.get(id).holder = { kind: 'agent', agentId: this.#me.id, agentName: this.#me.name };
    this.#conversation.complain('');
    this.#conversation.update();
    this.#conversation.focusComposer();
  }

  #letGo(kind, id) {
    toast(DONE_WORDS[kind]);
    if (id === this.#openId) this.#back();
  }

  #back() {
    const view = this.#panes.dataset.view;
    const isDetails = view === 'third' && this.#card.element.checkVisibility();
    this.#panes.dataset.view = isDetails ? 'second' : 'first';
    if (isDetails) this.#conversation.focusTitle();
    else this.#list.focus(this.#openId);
  }

  #showDetails() {
    this.#panes.dataset.view = 'third';
    this.#card.focus();
  }

  async #leftDone(id) {
    try {
      await this.#session.request('POST', `/left-messages/${id}/done`);
      toast('Marked as done.');
    } catch (problem) {
      toast(problem.message, { kind: 'bad' });
    }
  }

  async #switchStatus() {
    const status = this.#status.getAttribute('aria-checked') === 'true' ? 'away' : 'online';
    try {
      await this.#connection.ask({ kind: 'presence', status });
      this.#drawStatus(status);
    } catch (refusal) {
      toast(refusal.message, { kind: 'bad' });
    }
  }

  /* --- small things --- */

  #targetId() {
    return this.#list.focusedId ?? this.#openId;
  }

  #isMine(id) {
    return this.#queue?.mine.some((item) => item.conversation_id === id) ?? false;
  }

  #item(id) {
    if (!this.#queue) return null;
    const { waiting, mine, others, with_bot } = this.#queue;
    return [...waiting, ...mine, ...others, ...with_bot].find((item) => item.conversation_id === id) ?? null;
  }

  #showCard() {
    this.#card.show(this.#openId, this.#openId && this.#item(this.#openId));
  }

  #showOutgoing() {
    if (this.#openId) this.#conversation.showOutgoing(this.#connection.outgoing(this.#openId));
  }

  #showStatus() {
    const me = this.#queue.agents.find(({ id }) => id === this.#me.id);
    if (me) this.#drawStatus(me.status);
  }

  #drawStatus(status) {
    this.#status.setAttribute('aria-checked', String(status === 'online'));
    this.#status.title =
      status === 'online' ? 'You take chats now' : 'You take no new chats; those you hold stay with you';
    setText(this.#status.lastChild, status === 'online' ? 'Online' : 'Away');
  }
}

runPage({ page: 'desk', open: (session, signedOut) => new Desk(session, signedOut) });
