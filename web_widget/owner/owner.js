/** The FAQ editor: loads, saves and publishes; the three panes show it. */

import { confirmed } from '../shared/dialog.js';
import { el } from '../shared/dom.js';
import { runPage } from '../shared/page.js';
import { takeFromFragment } from '../shared/session.js';
import { toast } from '../shared/toast.js';
import { Assist } from './assist.js';
import { Editor } from './editor.js';
import { textOf } from './entry.js';
import { openImport } from './importer.js';
import { EntryList, categoriesOf } from './list.js';
import { conflictPanel, showHistory } from './versions.js';

class OwnerPage {
  #session;
  #articles = [];
  #list;
  #editor;
  #assist;
  #working = false;

  constructor(session) {
    this.#session = session;
    this.#list = new EntryList({
      onOpen: (slug) => this.#open(slug),
      onNew: () => this.#openNew(),
      onImport: () => openImport(session, () => this.#load()),
      onAssist: () => this.#show('third'),
    });
    this.#editor = new Editor({
      onSave: () => this.#save(),
      onPublish: () => this.#publish(),
      onWithdraw: () => this.#withdraw(),
      onDelete: () => this.#delete(),
      onHistory: () => this.#showHistory(),
      onBack: () => this.#show('first'),
      onNew: () => this.#openNew(),
    });
    this.#assist = new Assist(session, {
      onOpen: (slug) => this.#open(slug),
      onNewFrom: (text) => this.#openNew(text),
      onAddPhrasing: (slug, text) => this.#addPhrasing(slug, text),
      onBack: () => this.#show('first'),
    });
    this.main = el(
      'main',
      { class: 'panes owner', 'data-view': 'first' },
      this.#list.element,
      this.#editor.element,
      this.#assist.element,
    );
    document.addEventListener('keydown', (event) => this.#onKey(event));
    addEventListener('beforeunload', (event) => {
      if (this.#editor.isDirty) event.preventDefault();
    });
    this.#load().then(() => this.#openFromAddress());
  }

  /** The same person signed in again. */
  resume() {
    this.#editor.complain('');
    if (!this.#articles.length) this.#load();
  }

  async #load() {
    try {
      this.#take((await this.#session.request('GET', '/articles')).articles);
    } catch (problem) {
      this.#list.complain(problem.message, () => this.#load());
      return;
    }
    const open = this.#editor.article;
    const fresh = open && this.#articles.find(({ slug }) => slug === open.slug);
    if (fresh && fresh.revision !== open.revision && !this.#editor.isDirty) this.#editor.open(fresh);
  }

  #take(articles) {
    this.#articles = articles;
    this.#list.show(articles, this.#editor.article?.slug ?? null);
    this.#editor.setCategories(categoriesOf(articles));
    this.#assist.setArticles(articles);
  }

  /** One entry as the server has it now, into the list. */
  #takeOne(article) {
    const known = this.#articles.some(({ slug }) => slug === article.slug);
    this.#take(
      known
        ? this.#articles.map((other) => (other.slug === article.slug ? article : other))
        : [article, ...this.#articles],
    );
  }

  #openFromAddress() {
    const slug = takeFromFragment('entry');
    if (slug && this.#find(slug)) this.#open(slug);
  }

  /* --- choosing --- */

  async #open(slug) {
    const article = this.#find(slug);
    if (!article) return toast('This entry is not on the list any more.', { kind: 'bad' });
    const isOpen = this.#editor.article?.slug === slug;
    if (!isOpen && !(await this.#mayLeave())) return undefined;
    if (!isOpen) this.#editor.open(article);
    this.#afterOpening(slug);
    this.#editor.focusTitle();
    return undefined;
  }

  async #openNew(question = '') {
    if (!(await this.#mayLeave())) return;
    this.#editor.open(null);
    if (question) this.#editor.put({ question, answer: '', category: '', alternates: [] });
    this.#afterOpening(null);
    this.#editor.focusQuestion();
  }

  async #addPhrasing(slug, text) {
    if (this.#editor.article?.slug !== slug) {
      if (!(await this.#mayLeave())) return;
      this.#editor.open(this.#find(slug));
    }
    this.#editor.addPhrasing(text);
    this.#afterOpening(slug);
    this.#editor.focusPhrasings();
    toast('Added to the form. Save or publish to keep it.');
  }

  #afterOpening(slug) {
    this.#list.markOpen(slug);
    this.#show('second');
    history.replaceState(null, '', slug ? `#entry=${encodeURIComponent(slug)}` : location.pathname);
  }

  async #mayLeave() {
    if (!this.#editor.isDirty) return true;
    return confirmed({
      title: 'Leave without saving?',
      text: 'What you changed in this entry is not saved and would be lost.',
      yes: 'Discard my changes',
      no: 'Go on writing',
      dangerous: true,
    });
  }

  /* --- saving --- */

  async #save() {
    if (!this.#isReady()) return;
    await this.#work('save', async () => {
      const article = await this.#stored();
      toast(article.state === 'published' ? 'Saved. Visitors see it once you publish.' : 'Draft saved.');
    });
  }

  async #publish() {
    if (!this.#isReady()) return;
    await this.#work('publish', async () => {
      const { slug, revision } =
        this.#editor.isDirty || !this.#editor.article ? await this.#stored() : this.#editor.article;
      this.#saved(await this.#session.request('POST', `/articles/${slug}/publish`, { json: { revision } }));
      toast('Published. The bot answers with it from the next message on.');
    });
  }

  #isReady() {
    return this.#editor.isOpen && this.#editor.isValid();
  }

  /** Save what stands in the form. @returns the article as the server has it */
  async #stored() {
    const { article, text, slug } = this.#editor;
    const stored = article
      ? await this.#session.request('PUT', `/articles/${article.slug}`, {
          json: { revision: article.revision, ...text },
        })
      : await this.#session.request('POST', '/articles', { json: slug ? { ...text, slug } : text });
    this.#saved(stored, text);
    return stored;
  }

  /** @param {import('./entry.js').Text} [text] what was sent; left out where only the state changed */
  #saved(article, text) {
    this.#editor.saved(article, text);
    this.#editor.showExtra();
    this.#takeOne(article);
    this.#list.markOpen(article.slug);
    history.replaceState(null, '', `#entry=${encodeURIComponent(article.slug)}`);
  }

  /** Do one thing at a time with the open entry; a refusal is shown in place and changes nothing in the form. */
  async #work(button, action) {
    if (this.#working) return;
    this.#working = true;
    this.#editor.complain('');
    this.#editor.working(button, true);
    try {
      await action();
    } catch (problem) {
      if (problem.code === 'stale_revision') await this.#showConflict();
      else this.#editor.complain(problem.message);
    } finally {
      this.#working = false;
      this.#editor.working(button, false);
    }
  }

  async #showConflict() {
    const theirs = await this.#session
      .request('GET', `/articles/${this.#editor.article.slug}`)
      .catch((problem) => {
        this.#editor.complain(problem.message);
      });
    if (!theirs) return;
    const mine = this.#editor.text;
    this.#editor.showExtra(
      conflictPanel(theirs, mine, {
        onKeepMine: () => {
          this.#editor.saved(theirs, textOf(theirs));
          this.#editor.showExtra();
          this.#save();
        },
        onTakeTheirs: () => this.#takeTheirs(theirs, this.#editor.text),
      }),
    );
    document.getElementById('conflict-title').focus();
  }

  #takeTheirs(theirs, mine) {
    this.#editor.open(theirs);
    this.#takeOne(theirs);
    this.#offerBack('This is their text. Yours is not lost.', mine);
  }

  /** Say that the form holds another text now, and offer the way back to mine. */
  #offerBack(words, mine) {
    const putBack = () => {
      this.#editor.put(mine);
      this.#editor.showExtra();
    };
    const button = el(
      'button',
      { type: 'button', class: 'button small', onclick: putBack },
      'Put my text back',
    );
    this.#editor.showExtra(el('div', { class: 'note accent with-action', role: 'status' }, words, button));
    button.focus();
  }

  async #withdraw() {
    const { slug, revision } = this.#editor.article;
    const yes = await confirmed({
      title: 'Withdraw this entry?',
      text: 'The bot stops answering with it at once. You can publish it again at any time.',
      yes: 'Withdraw',
    });
    if (!yes) return;
    await this.#work('withdraw', async () => {
      const article = await this.#session.request('POST', `/articles/${slug}/withdraw`, {
        json: { revision },
      });
      this.#saved(article);
      toast('Withdrawn. The bot no longer answers with it.');
    });
  }

  async #delete() {
    const { slug, revision } = this.#editor.article;
    const yes = await confirmed({
      title: 'Delete this draft?',
      text: 'It was never published. It is gone for good.',
      yes: 'Delete',
      dangerous: true,
    });
    if (!yes) return;
    try {
      await this.#session.request('DELETE', `/articles/${slug}?revision=${revision}`);
    } catch (problem) {
      this.#editor.complain(problem.message);
      return;
    }
    this.#editor.closeEntry();
    this.#take(this.#articles.filter((other) => other.slug !== slug));
    history.replaceState(null, '', location.pathname);
    this.#show('first');
    toast('Draft deleted.');
  }

  #showHistory() {
    const { slug } = this.#editor.article;
    showHistory(this.#session.request('GET', `/articles/${slug}/history`), (version) => {
      const before = this.#editor.text;
      this.#editor.put(textOf(version));
      this.#offerBack('The old text is in the form, not saved yet.', before);
    });
  }

  /* --- small things --- */

  #find(slug) {
    return this.#articles.find((article) => article.slug === slug) ?? null;
  }

  #show(view) {
    this.main.dataset.view = view;
    if (view === 'first') this.#list.focus();
    if (view === 'third') this.#assist.focus();
  }

  #onKey(event) {
    if (!(event.ctrlKey || event.metaKey) || document.querySelector('dialog[open]')) return;
    if (event.key === 's') {
      event.preventDefault();
      this.#save();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.#publish();
    }
  }
}

/** Agents may not edit; they are told so and shown the way. */
function ownersOnly() {
  return {
    main: el(
      'main',
      { class: 'empty tall' },
      el('h1', {}, 'This page is for owners'),
      el('p', {}, 'You are signed in as an agent. Your place is the desk.'),
      el('a', { class: 'button primary', href: '/desk' }, 'To the desk'),
    ),
  };
}

runPage({
  page: 'owner',
  open: (session) => (session.me.role === 'owner' ? new OwnerPage(session) : ownersOnly()),
});
