/** The middle pane: one entry's form. It knows nothing of the network; it is told what is saved. */

import { el, fill, setText } from '../shared/dom.js';
import { icon, lamp } from '../shared/icons.js';
import { renderMarkdown } from '../shared/markdown.js';
import { busy } from '../shared/signin.js';
import { count, dateAndTime } from '../shared/words.js';
import { EMPTY, asPhrasings, differences, textOf } from './entry.js';
import { stateBadges } from './list.js';

const GOOD_NUMBER_OF_PHRASINGS = 5;
const BUTTON_WORDS = {
  save: ['Save draft', 'Saving…'],
  publish: ['Publish', 'Publishing…'],
  withdraw: ['Withdraw', 'Withdrawing…'],
};

export class Editor {
  #hooks;
  /** The article as it was last loaded or saved; null for a new one. */
  #article = null;
  #base = EMPTY;
  #isOpen = false;
  #title = el('h2', { tabindex: '-1' });
  #badges = el('span', { class: 'editor-badges' });
  #saved = el('p', { class: 'hint editor-saved' });
  #problem = el('div', { class: 'editor-problem', role: 'alert' });
  #extra = el('div', { class: 'editor-extra' });
  #question = el('input', {
    id: 'question',
    class: 'input',
    required: true,
    maxlength: 500,
    dir: 'auto',
    autocomplete: 'off',
  });
  #slug = el('input', {
    id: 'slug',
    class: 'input',
    pattern: '[a-z0-9][a-z0-9_\\-]{0,79}',
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'slug-hint',
  });
  #category = el('input', { id: 'category', class: 'input', list: 'categories', autocomplete: 'off' });
  #categories = el('datalist', { id: 'categories' });
  #answer = el('textarea', {
    id: 'answer',
    class: 'input answer-box',
    required: true,
    rows: 12,
    dir: 'auto',
    'aria-describedby': 'answer-hint',
  });
  #alternates = el('textarea', {
    id: 'alternates',
    class: 'input',
    rows: 6,
    dir: 'auto',
    'aria-describedby': 'alternates-hint',
  });
  #alternatesHint = el('p', { class: 'hint', id: 'alternates-hint' });
  #preview = el('div', { class: 'answer-preview', dir: 'auto' });
  #buttons = {};
  #slugField;
  #form;
  #nothing;

  /**
   * @param {{onSave: () => void, onPublish: () => void, onWithdraw: () => void, onDelete: () => void,
   *          onHistory: () => void, onBack: () => void, onNew: () => void}} hooks
   */
  constructor(hooks) {
    this.#hooks = hooks;
    this.#buttons = {
      save: el('button', { type: 'submit', class: 'button', title: 'Ctrl or ⌘ + S' }, 'Save draft'),
      publish: el(
        'button',
        { type: 'button', class: 'button primary', title: 'Ctrl or ⌘ + Enter', onclick: hooks.onPublish },
        'Publish',
      ),
      withdraw: el(
        'button',
        { type: 'button', class: 'button quiet', onclick: hooks.onWithdraw },
        'Withdraw',
      ),
      remove: el(
        'button',
        { type: 'button', class: 'button quiet-danger', onclick: hooks.onDelete },
        icon('trash'),
        'Delete',
      ),
      history: el(
        'button',
        { type: 'button', class: 'button quiet', onclick: hooks.onHistory },
        icon('history'),
        'History',
      ),
    };
    this.#slugField = labelled(
      'Short name (optional)',
      this.#slug,
      el(
        'p',
        { class: 'hint', id: 'slug-hint' },
        'Its public address, such as “returns”. Made from the question if left empty.',
      ),
    );
    this.#form = this.#makeForm();
    this.#nothing = el(
      'div',
      { class: 'empty tall' },
      lamp(),
      el('h2', {}, 'Choose an entry'),
      el('p', {}, 'Or write a new one. The bot uses what you publish from the very next message on.'),
      el(
        'button',
        { type: 'button', class: 'button primary', onclick: hooks.onNew },
        icon('plus'),
        'New entry',
      ),
    );
    this.element = el('section', { class: 'pane', 'aria-label': 'Entry' }, this.#nothing, this.#form);
    this.#form.addEventListener('input', () => this.#changed());
  }

  /** The article as the server has it; null for a new entry. */
  get article() {
    return this.#article;
  }

  get isOpen() {
    return this.#isOpen;
  }

  get isDirty() {
    return this.#isOpen && differences(this.#base, this.text).length > 0;
  }

  /** @returns {import('./entry.js').Text} what stands in the form */
  get text() {
    return {
      question: this.#question.value.trim(),
      answer: this.#answer.value,
      category: this.#category.value.trim(),
      alternates: asPhrasings(this.#alternates.value),
    };
  }

  get slug() {
    return this.#slug.value.trim();
  }

  /** Open an article, or with null a new entry. */
  open(article) {
    this.#isOpen = true;
    this.#slug.value = '';
    const text = article ? textOf(article) : EMPTY;
    this.saved(article, text);
    this.put(text);
    this.complain('');
    fill(this.#extra);
    this.#form.hidden = false;
    this.#nothing.hidden = true;
    this.#form.querySelector('.pane-scroll').scrollTop = 0;
  }

  closeEntry() {
    this.#isOpen = false;
    this.#article = null;
    this.#form.hidden = true;
    this.#nothing.hidden = false;
  }

  /**
   * The server has this now. The form stays as it is: somebody may have gone on writing meanwhile.
   * @param {object|null} article
   * @param {import('./entry.js').Text} [text] of the form as it is stored now; left out where only the state changed
   */
  saved(article, text = this.#base) {
    this.#article = article;
    this.#base = text;
    setText(this.#title, article ? article.slug : 'New entry');
    fill(this.#badges, article ? stateBadges(article, { always: true }) : null);
    setText(
      this.#saved,
      article ? `Saved ${dateAndTime(article.updated_at)} by ${article.updated_by}` : 'Not saved yet',
    );
    this.#slugField.hidden = article !== null;
    this.#changed();
  }

  /** Put a text into the form, saving nothing. */
  put({ question, answer, category, alternates }) {
    this.#question.value = question;
    this.#answer.value = answer;
    this.#category.value = category;
    this.#alternates.value = alternates.join('\n');
    this.#changed();
  }

  addPhrasing(phrasing) {
    this.put({ ...this.text, alternates: asPhrasings([...this.text.alternates, phrasing].join('\n')) });
  }

  setCategories(names) {
    fill(
      this.#categories,
      names.map((name) => el('option', { value: name })),
    );
  }

  /** Is everything filled in? If not, the browser says what is missing. */
  isValid() {
    return this.#form.reportValidity();
  }

  complain(text) {
    fill(this.#problem, text && el('p', { class: 'note bad' }, text));
  }

  /** Show something above the fields: a conflict, or a way back. */
  showExtra(...nodes) {
    fill(this.#extra, ...nodes);
    this.#form.querySelector('.pane-scroll').scrollTop = 0;
  }

  working(button, isBusy) {
    const [idle, atWork] = BUTTON_WORDS[button];
    busy(this.#buttons[button], isBusy, isBusy ? atWork : idle);
  }

  focusQuestion() {
    this.#question.focus();
  }

  focusPhrasings() {
    this.#alternates.focus();
    this.#alternates.scrollTop = this.#alternates.scrollHeight;
  }

  focusTitle() {
    this.#title.focus();
  }

  #makeForm() {
    const submit = (event) => {
      event.preventDefault();
      this.#hooks.onSave();
    };
    return el(
      'form',
      { class: 'editor', hidden: true, novalidate: true, onsubmit: submit },
      el(
        'header',
        { class: 'pane-head' },
        el(
          'button',
          {
            type: 'button',
            class: 'icon-button only-phone',
            'aria-label': 'Back to the entries',
            onclick: this.#hooks.onBack,
          },
          icon('back'),
        ),
        el('div', { class: 'editor-title' }, this.#title, this.#badges),
        this.#buttons.history,
      ),
      el(
        'div',
        { class: 'pane-scroll editor-fields', tabindex: '-1' },
        this.#problem,
        this.#extra,
        labelled('Question', this.#question),
        el(
          'div',
          { class: 'editor-pair' },
          labelled('Category', this.#category, this.#categories),
          this.#slugField,
        ),
        el(
          'div',
          { class: 'editor-answer' },
          labelled(
            'Answer',
            this.#answer,
            el(
              'p',
              { class: 'hint', id: 'answer-hint' },
              'Markdown: **bold**, *italic*, lists, [links](https://…)',
            ),
          ),
          el(
            'section',
            { class: 'field', 'aria-label': 'Preview' },
            el('p', { class: 'field-label' }, 'What a visitor sees'),
            this.#preview,
          ),
        ),
        labelled('Other phrasings, one a line', this.#alternates, this.#alternatesHint),
      ),
      el(
        'footer',
        { class: 'editor-foot' },
        this.#saved,
        el(
          'div',
          { class: 'actions' },
          this.#buttons.remove,
          this.#buttons.withdraw,
          this.#buttons.save,
          this.#buttons.publish,
        ),
      ),
    );
  }

  #changed() {
    const { answer, alternates } = this.text;
    fill(
      this.#preview,
      answer.trim()
        ? renderMarkdown(answer)
        : el('p', { class: 'hint' }, 'The answer appears here as you write.'),
    );
    const more =
      alternates.length < GOOD_NUMBER_OF_PHRASINGS
        ? ' More phrasings help the bot most: write as people write.'
        : ' Good: the bot meets many ways of asking.';
    setText(this.#alternatesHint, `${count(alternates.length, 'phrasing', 'phrasings')}.${more}`);
    this.#drawButtons();
  }

  #drawButtons() {
    const state = this.#article?.state;
    const dirty = this.isDirty;
    this.#buttons.save.disabled = !dirty;
    this.#buttons.publish.disabled = state === 'published' && !this.#article.changed && !dirty;
    this.#buttons.withdraw.hidden = state !== 'published';
    this.#buttons.remove.hidden = state !== 'draft' || this.#article.published_at !== null;
    this.#buttons.history.hidden = !this.#article;
    this.#saved.classList.toggle('is-dirty', dirty);
    if (dirty) setText(this.#saved, 'Unsaved changes');
    else if (this.#article)
      setText(this.#saved, `Saved ${dateAndTime(this.#article.updated_at)} by ${this.#article.updated_by}`);
  }
}

function labelled(label, input, ...after) {
  return el('div', { class: 'field' }, el('label', { for: input.id }, label), input, after);
}
