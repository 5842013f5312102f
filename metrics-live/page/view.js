// The view of the page: the part of time, the choice of a function or route, and the link to it.

const SPANS = [60e3, 5 * 60e3, 15 * 60e3];

// The shortest time shown, in milliseconds.
const LEAST = 30e3;

export class View {
  constructor(store, changed) {
    Object.assign(this, { store, changed, mark: null, held: null });
    this.read();
    addEventListener('hashchange', () => {
      this.read();
      this.changed('link');
    });
  }

  // The link has only what is not the default.
  read() {
    const link = new URLSearchParams(location.hash.slice(1));
    const number = (key, otherwise) => (Number.isFinite(Number(link.get(key))) && link.get(key) ? Number(link.get(key)) : otherwise);
    this.tab = link.get('tab') === 'metrics' ? 'metrics' : 'dashboard';
    this.search = link.get('search') ?? '';
    this.width = number('span', 300) * 1000;
    if (!SPANS.includes(this.width)) this.width = SPANS[1];
    this.window = Math.min(300, Math.max(2, number('window', 15))) * 1000;
    this.interval = number('interval', 1);
    const focused = ['function', 'route'].find((kind) => link.get(kind));
    this.focus = focused ? { kind: focused, value: link.get(focused) } : null;
    this.written = this.focus?.value;
    this.theme = ['dark', 'light'].includes(link.get('theme')) ? link.get('theme') : null;
  }

  write() {
    const link = new URLSearchParams();
    if (this.tab !== 'dashboard') link.set('tab', this.tab);
    if (this.focus) link.set(this.focus.kind, this.focus.value);
    if (this.search) link.set('search', this.search);
    if (this.width !== SPANS[1]) link.set('span', this.width / 1000);
    if (this.window !== 15e3) link.set('window', this.window / 1000);
    if (this.interval !== 1) link.set('interval', this.interval);
    if (this.theme) link.set('theme', this.theme);
    const text = link.toString();
    if (text === location.hash.slice(1)) return;
    history[this.focus?.value === this.written ? 'replaceState' : 'pushState'](null, '', text ? `#${text}` : location.pathname);
    this.written = this.focus?.value;
  }

  // The bounds of the time axis.
  range() {
    if (this.held) return this.held;
    const { now, opened } = this.store;
    const end = Number.isNaN(now) ? Date.now() : now;
    // A page that has just been opened does not show the time before.
    const start = Math.min(opened, end - LEAST);
    return [Math.max(end - this.width, Number.isNaN(start) ? -Infinity : start), end];
  }

  span() {
    const [from, to] = this.range();
    return to - from;
  }

  get isPaused() {
    return this.held !== null;
  }

  pause() {
    this.held = this.held ? null : this.range();
    this.changed('time');
  }

  // Holds a part of the picture.
  zoom(from, to) {
    this.held = [from, to];
    this.changed('time');
  }

  setMark(time) {
    this.mark = this.mark === null ? time : null;
    this.changed('time');
  }

  // Two stretches of the same length before and after the mark, or `null` without one.
  compared() {
    if (this.mark === null) return null;
    const end = this.range()[1];
    const length = Math.min(end - this.mark, this.mark - this.store.opened);
    return length > 0 ? [[this.mark - length, this.mark], [this.mark, this.mark + length]] : null;
  }
}
