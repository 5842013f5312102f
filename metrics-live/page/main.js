// The page.

import { Catalogue } from './catalogue.js';
import { csv, picture, saveCsv, savePicture } from './downloads.js';
import { element, theme } from './dom.js';
import { Objectives } from './objectives.js';
import { Panel } from './panels.js';
import { Store } from './samples.js';
import { Stream } from './stream.js';
import { clock } from './units.js';
import { View } from './view.js';

// The time that drawing may take at once, in milliseconds, so that the page can be scrolled meanwhile.
const SLICE = 10;

// The shortest time between two looks for new metrics, in milliseconds.
const MODEL_PAUSE = 5000;

const KEYS = [
  ['space', 'pause and go on'], ['m', 'mark this moment, to compare before and after'], ['1 2 3', 'show 1, 5 or 15 minutes'],
  ['d', 'dashboard'], ['t', 'table of all metrics'], ['/', 'search'], ['c', 'download as CSV'], ['p', 'download as PNG'],
  ['l', 'light or dark'], ['tab', 'from panel to panel'], ['← →', 'the samples of a panel, one by one'], ['enter', 'the function of a panel alone'], ['esc', 'back to everything'], ['?', 'these keys'],
];

class App {
  constructor() {
    this.store = new Store();
    this.model = null;
    this.panels = [];
    this.view = new View(this.store, (what) => this.changed(what));
    this.stream = new Stream(document.body.dataset.name, {
      opened: () => this.store.reconnected(),
      event: (event) => this.take(event),
      status: (kind, text) => this.setStatus(kind, text),
      unauthorized: () => this.askForToken(),
    });
    this.stream.interval = this.view.interval;
    this.build();
    this.setTheme();
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.panel.isInView = isIntersecting;
      this.schedule();
    }, { rootMargin: '120px' });
    this.sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) target.panel.resize(contentRect.width);
    });
    this.queue = [];
    document.addEventListener('keydown', (event) => this.key(event));
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.setTheme());
    this.start();
  }

  async start() {
    if (await this.load()) this.stream.restart();
  }

  // Loads the description of the panels.
  async load() {
    this.loaded = performance.now();
    try {
      const model = await this.stream.json('model');
      if (!model) return false;
      this.model = model;
      this.known = new Set(model.metrics.map(({ name }) => name));
      document.title = `${model.service} – live metrics`;
      this.name.textContent = model.service;
      this.layout();
      return true;
    } catch (error) {
      this.setStatus('waiting', error.message);
      setTimeout(() => this.start(), 2000);
      return false;
    }
  }

  take(event) {
    const [restarts, missing] = [this.store.restarts.length, this.store.missing.length];
    this.store.take(event);
    const isNew = (event.families ?? []).some(([, name]) => !this.known.has(name));
    // The service may have other metrics after a restart, or register one later. A source that answers again tells more.
    const isOther = isNew || this.store.restarts.length > restarts || this.store.missing.length < missing;
    if (isOther && performance.now() - this.loaded > MODEL_PAUSE) this.load();
    this.setStatus(this.view.isPaused ? 'paused' : 'live');
    this.schedule();
  }

  // Draws what can be seen, in slices.
  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      if (Number.isNaN(this.store.now)) return;
      if (this.queue.length === 0) {
        this.queue = this.view.tab === 'metrics' ? [this.catalogue] : [...(this.objectives ? [this.objectives] : []), ...this.panels.filter(({ isInView }) => isInView)];
        this.drawnAt = this.store.now;
        for (const panel of this.panels) panel.isDue = true;
      }
      const start = performance.now();
      while (this.queue.length > 0 && performance.now() - start < SLICE) {
        const next = this.queue.shift();
        next.update?.();
        next.draw();
      }
      this.frames = (this.frames ?? 0) + 1;
      if (this.queue.length > 0 || this.drawnAt < this.store.now) this.schedule();
    });
  }

  setStatus(kind, text = '') {
    const { store } = this;
    const time = Number.isNaN(store.now) ? '' : clock(this.view.isPaused ? this.view.range()[1] : store.now);
    const words = { live: 'live', paused: 'paused', waiting: 'reconnecting', locked: 'locked' };
    this.status.className = `status ${kind}`;
    this.status.textContent = `${{ live: '●', paused: '❚❚', waiting: '↻', locked: '🔒' }[kind]} ${words[kind]} `;
    if (kind === 'live' || kind === 'paused') this.status.append(element('time', { text: time }));
    this.status.title = text || `reading all samples took ${(store.took / 1000).toFixed(2)} ms in the service`;
    this.problem.hidden = kind !== 'waiting';
    this.problem.textContent = text;
    const missing = store.missing.length > 0 ? `▲ Series are missing: ${store.missing.join('; ')}` : '';
    this.missing.hidden = missing === '';
    // It is read aloud when it changes.
    if (this.missing.textContent !== missing) this.missing.textContent = missing;
  }

  askForToken() {
    this.setStatus('locked');
    const wasWrong = Boolean(this.stream.token);
    this.stream.token = null;
    this.note.textContent = wasWrong ? 'This token is not valid.' : '';
    if (!this.dialog.open) this.dialog.showModal();
    this.tokenField.value = '';
    this.tokenField.focus();
  }

  route() {
    const { focus } = this.view;
    return focus?.kind === 'route' ? focus.value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : '.+';
  }

  focus(kind, value) {
    this.view.focus = kind ? { kind, value } : null;
    this.view.tab = 'dashboard';
    this.view.write();
    this.changed('link');
    scrollTo({ top: 0 });
  }

  changed(what) {
    if (!this.model) return;
    if (what === 'link') {
      this.setTheme();
      if (this.stream.interval !== this.view.interval) {
        this.stream.interval = this.view.interval;
        this.stream.restart();
      }
      this.layout();
    }
    this.controls();
    this.setStatus(this.view.isPaused ? 'paused' : 'live');
    for (const panel of this.panels) panel.place = null;
    this.queue = [];
    this.schedule();
  }

  setTheme() {
    if (this.view.theme) document.documentElement.dataset.theme = this.view.theme;
    else delete document.documentElement.dataset.theme;
    for (const panel of this.panels) panel.restyle();
    this.schedule();
  }

  // The rows that the choice leaves.
  rows() {
    const { focus } = this.view;
    if (!focus) return this.model.rows;
    const rows = this.model.rows.map((row) => {
      const isAboutRoute = row.panels.some(({ queries }) => JSON.stringify(queries).includes('$route'));
      const isChosen = (panel) => (focus.kind === 'function' ? panel.subject === focus.value : isAboutRoute && JSON.stringify(panel.queries).includes('$route'));
      return { ...row, closed: false, panels: row.panels.filter(isChosen) };
    });
    return rows.filter(({ panels }) => panels.length > 0);
  }

  layout() {
    for (const panel of this.panels) panel.restyle();
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.panels = [];
    this.objectives = null;
    this.controls();
    if (this.view.tab === 'metrics') {
      this.catalogue ??= new Catalogue(this);
      this.catalogue.draw(true);
      this.nav.replaceChildren();
      this.main.replaceChildren(this.catalogue.root);
      return;
    }
    const sections = [];
    const section = (title, closed, children) => {
      const id = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      // Numbers share a line.
      const numbers = children.filter((child) => child.classList.contains('stat'));
      if (numbers.length > 0) children = [element('div', { class: 'numbers-line' }, ...numbers), ...children.filter((child) => !numbers.includes(child))];
      const grid = element('div', { class: 'grid' }, ...children);
      const summary = element('summary', {}, element('h2', { text: title }));
      const root = element('details', { id, open: !closed }, summary, grid);
      sections.push({ title, id, root });
    };
    const { focus } = this.view;
    for (const [i, row] of this.rows().entries()) {
      const panels = row.panels.map((panel) => {
        const made = new Panel(panel, this);
        made.root.panel = made;
        return made;
      });
      this.panels.push(...panels);
      section(row.title, row.closed, panels.map(({ root }) => root));
      if (i === 0 && !focus && this.model.objectives.length > 0) {
        this.objectives = new Objectives(this.model.objectives, this);
        section('Objectives', false, this.objectives.entries.map(({ root }) => root));
      }
    }
    const links = sections.map(({ title, id, root }) => element('button', { text: title, on: { click: () => {
      root.open = true;
      root.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
      this.main.querySelector(`#${id} summary`)?.focus({ preventScroll: true });
    } } }));
    this.nav.replaceChildren(...links);
    const heading = focus ? [element('div', { class: 'chosen' }, element('button', { text: '← Everything', on: { click: () => this.focus(null) } }), element('h1', { text: `${focus.kind} ${focus.value}` }))] : [];
    const empty = sections.length === 0 ? [element('p', { class: 'empty', text: `The service has no ${focus.kind} ${focus.value} now.` })] : [];
    this.main.replaceChildren(...heading, ...empty, ...sections.map(({ root }) => root));
    for (const { root } of this.panels) {
      this.watcher.observe(root);
      this.sizes.observe(root);
    }
  }

  // The panels that can be seen.
  seen() {
    return this.panels.filter(({ root, history }) => {
      const { top, bottom, width } = root.getBoundingClientRect();
      return history && width > 0 && bottom > 0 && top < innerHeight;
    });
  }

  build() {
    const button = (text, title, click, attributes = {}) => element('button', { text, title, 'aria-label': title, ...attributes, on: { click } });
    const choice = (title, options, change) => {
      const select = element('select', { title, 'aria-label': title, on: { change: () => change(Number(select.value)) } }, ...options.map(([value, text]) => element('option', { value, text })));
      return select;
    };
    this.name = element('strong', { class: 'name', text: 'Live metrics' });
    this.status = element('span', { class: 'status', role: 'status', 'aria-live': 'off' });
    const tab = (id, text) => button(text, text, () => this.show(id), { class: 'tab' });
    this.tabs = { dashboard: tab('dashboard', 'Dashboard'), metrics: tab('metrics', 'Metrics') };
    this.spans = choice('Time shown', [[60, '1 min'], [300, '5 min'], [900, '15 min']], (seconds) => this.choose('width', seconds * 1000));
    this.windows = choice('Window of rates', [[5, 'rates over 5 s'], [15, 'rates over 15 s'], [60, 'rates over 1 min'], [300, 'rates over 5 min']], (seconds) => this.choose('window', seconds * 1000));
    this.intervals = choice('Time between samples', [[1, 'every 1 s'], [2, 'every 2 s'], [5, 'every 5 s'], [15, 'every 15 s'], [60, 'every 60 s']], (seconds) => this.choose('interval', seconds));
    this.pauseButton = button('Pause', 'Hold the picture', () => this.view.pause());
    this.markButton = button('Mark', 'Mark this moment, to compare before and after', () => this.mark());
    const tools = element('div', { class: 'tools' }, this.spans, this.windows, this.intervals, this.pauseButton, this.markButton,
      button('CSV', 'Download what is on screen as CSV', () => saveCsv(this)), button('PNG', 'Download what is on screen as PNG', () => savePicture(this)),
      button('◐', 'Light or dark', () => this.toggleTheme()), button('?', 'Keys', () => this.help.showModal()));
    this.nav = element('nav', { 'aria-label': 'Rows' });
    this.problem = element('p', { class: 'problem', role: 'alert', hidden: true });
    this.missing = element('p', { class: 'problem missing', role: 'status', hidden: true });
    this.main = element('main', {}, element('p', { class: 'empty', text: 'Loading …' }));
    this.tokenField = element('input', { type: 'password', autocomplete: 'off', 'aria-label': 'Token', placeholder: 'token' });
    this.note = element('p', { class: 'note', role: 'alert' });
    this.dialog = element('dialog', { class: 'token' }, element('form', { method: 'dialog', on: { submit: () => {
      this.stream.token = this.tokenField.value;
      this.start();
    } } }, element('h2', { text: 'This page needs a token' }), element('p', { text: 'It is the token of the metrics page. This tab forgets it when it is closed.' }), this.tokenField, this.note, element('button', { text: 'Look' })));
    this.dialog.addEventListener('cancel', (event) => event.preventDefault());
    this.help = element('dialog', { class: 'help' }, element('form', { method: 'dialog' }, element('h2', { text: 'Keys' }),
      element('dl', {}, ...KEYS.map(([key, text]) => element('div', {}, element('dt', {}, element('kbd', { text: key })), element('dd', { text })))), element('button', { text: 'Close' })));
    document.body.append(element('div', { class: 'top' }, element('div', { class: 'bar' }, this.name, this.status, this.tabs.dashboard, this.tabs.metrics, tools), this.nav, this.problem, this.missing), this.main, this.dialog, this.help);
    this.controls();
  }

  controls() {
    const { view } = this;
    for (const [id, tab] of Object.entries(this.tabs)) tab.setAttribute('aria-pressed', String(view.tab === id));
    for (const [select, value] of [[this.spans, view.width / 1000], [this.windows, view.window / 1000], [this.intervals, view.interval]]) {
      if (![...select.options].some((option) => Number(option.value) === value)) select.append(element('option', { value, text: `${value} s` }));
      select.value = String(value);
    }
    this.pauseButton.textContent = view.isPaused ? 'Go on' : 'Pause';
    this.pauseButton.setAttribute('aria-pressed', String(view.isPaused));
    this.markButton.textContent = view.mark === null ? 'Mark' : 'Unmark';
    this.markButton.setAttribute('aria-pressed', String(view.mark !== null));
  }

  choose(key, value) {
    this.view[key] = value;
    if (key === 'width') this.view.held = null;
    this.view.write();
    if (key === 'window') for (const panel of this.panels) panel.reset();
    if (key === 'interval') this.changed('link');
    else this.changed('time');
  }

  mark() {
    const pointed = this.panels.find(({ place }) => place !== null);
    this.view.setMark(pointed ? pointed.history.times[pointed.range[0] + pointed.place] : this.view.range()[1]);
  }

  show(tab) {
    if (tab !== this.view.tab) scrollTo({ top: 0 });
    this.view.tab = tab;
    this.view.write();
    this.changed('link');
  }

  toggleTheme() {
    this.view.theme = theme() === 'dark' ? 'light' : 'dark';
    this.view.write();
    this.setTheme();
  }

  key(event) {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    if (event.key === 'Escape' && target !== this.catalogue?.input) {
      if (this.view.focus && !this.help.open) this.focus(null);
      return;
    }
    if (['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName)) return;
    if (event.key === ' ' && ['BUTTON', 'SUMMARY'].includes(target.tagName)) return;
    const actions = {
      ' ': () => this.view.pause(), m: () => this.mark(), 1: () => this.choose('width', 60e3), 2: () => this.choose('width', 300e3), 3: () => this.choose('width', 900e3),
      d: () => this.show('dashboard'), t: () => this.show('metrics'), c: () => saveCsv(this), p: () => savePicture(this), l: () => this.toggleTheme(),
      '/': () => {
        this.show('metrics');
        this.catalogue.input.focus();
      },
      '?': () => this.help.showModal(),
    };
    if (target.panel) {
      actions.ArrowLeft = () => target.panel.step(-1);
      actions.ArrowRight = () => target.panel.step(1);
      if (target.panel.subject) actions.Enter = () => this.focus('function', target.panel.subject);
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

const app = new App();

// For the console, and for tests.
globalThis.live = { app, csv: () => csv(app.seen()), picture: () => picture(app) };
