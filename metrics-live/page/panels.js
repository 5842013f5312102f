// The panels of the page.

import { Heatmap, Lines, Spark, States } from './charts.js';
import { colorOf, dashOf, drawing, element } from './dom.js';
import { History } from './history.js';
import { shown } from './units.js';

const CHARTS = { lines: Lines, stacked: Lines, heatmap: Heatmap, states: States };

// The largest number of lines in one chart.
const MAX_LINES = 24;

// The largest number of rows of a table.
const MAX_ROWS = 1000;

// The texts of values above limits, for those who do not see the colors.
const LEVELS = [['', 'ok'], ['▲', 'high'], ['■', 'too high']];

function level(value, limits) {
  if (!limits || Number.isNaN(value)) return 0;
  return value >= limits[1] ? 2 : value >= limits[0] ? 1 : 0;
}

// A panel with its element. `isInView` says if it can be seen.
export class Panel {
  constructor(model, app) {
    const { draw, ...settings } = model;
    Object.assign(this, settings, { kind: draw, app, hidden: new Set(), isInView: false, place: null });
    this.heading = element('h3', { text: model.title });
    this.body = element('div', { class: 'body' });
    const info = plain(model.about);
    this.root = element('article', { class: `panel ${model.draw}${model.queries.length > 1 ? ' several' : ''}`, tabindex: '0', 'aria-label': `${model.title}. ${info}` });
    const links = [];
    if (model.subject && app.view.focus?.value !== model.subject) {
      links.push(element('button', {
        class: 'focus', title: `Show ${model.subject} alone`, 'aria-label': `Show ${model.subject} alone`, text: '⤢',
        on: { click: () => app.focus('function', model.subject) },
      }));
    }
    this.root.append(element('header', { title: info }, this.heading, ...links), this.body);
    this.root.style.setProperty('--width', model.width);
    this.reset();
  }

  get context() {
    const { app } = this;
    return { store: app.store, variables: { ...app.model.variables, route: app.route() }, window: (name) => (name === '$opened' ? Infinity : app.view.window) };
  }

  // Forgets all results, because the variables have changed.
  reset() {
    try {
      this.history = new History(this.queries, this.context, this.kind === 'table');
    } catch (error) {
      this.history = null;
      this.body.replaceChildren(element('p', { class: 'empty', text: error.message }));
    }
  }

  restyle() {
    this.chart?.plot?.destroy();
    this.chart = null;
    this.lines = null;
    this.body.replaceChildren();
  }

  resize(width) {
    if (width === this.drawnWidth) return;
    this.drawnWidth = width;
    this.chart?.resize();
  }

  // Moves the pointer by one sample.
  step(by) {
    const plot = this.chart?.plot;
    if (!plot) return;
    const [start, end] = this.range;
    const place = Math.min(end - start - 1, Math.max(0, (this.place ?? end - start - 1) + by));
    plot.setCursor({ left: plot.valToPos(this.history.times[start + place], 'x'), top: 20 });
  }

  style(column, columns) {
    const index = columns.indexOf(column);
    const named = this.colors?.[column.name];
    return { color: colorOf(index, named), dash: dashOf(named ? index : Math.floor(index / 10) + index) };
  }

  update() {
    this.history?.update(this.app.view.range()[1]);
  }

  draw() {
    if (!this.history) return;
    const { history, app } = this;
    const range = history.range(...app.view.range());
    this.range = range;
    this.columnsShown = history.shown(...range, this.kind === 'heatmap' ? Infinity : MAX_LINES);
    if (this.kind === 'stat') this.drawStat();
    else if (this.kind === 'table') this.drawTable();
    else this.drawChart();
  }

  // The value of a column under the pointer, or the last one.
  value(column) {
    const [start, end] = this.range;
    const place = this.place === null ? end - 1 : start + this.place;
    return column.values[Math.min(place, end - 1)] ?? NaN;
  }

  pointed(place) {
    this.place = place;
    this.drawLegend();
  }

  drawChart() {
    const columns = this.columnsShown;
    if (columns.length === 0) {
      this.restyle();
      this.body.append(element('p', { class: 'empty', text: this.empty || 'no data yet' }));
      return;
    }
    if (!this.chart) {
      this.body.replaceChildren();
      const box = element('div', { class: 'chart', role: 'img' });
      this.legend = element('div', { class: 'legend' });
      this.body.append(box, this.legend);
      this.chart = new CHARTS[this.kind](this, box, this.app);
      this.box = box;
    }
    this.chart.draw(this.history, this.range, columns);
    this.drawLegend();
    const values = columns.slice(0, 6).map((column) => `${column.name} ${this.text(column)}`);
    this.box.setAttribute('aria-label', `${this.title}: ${values.join(', ')}`);
  }

  text(column) {
    const value = this.value(column);
    if (this.kind === 'states') return this.app.model.states[value]?.[0] ?? '–';
    return shown(value, this.unit);
  }

  drawLegend() {
    if (!this.legend || !this.columnsShown) return;
    const columns = this.columnsShown;
    if (this.kind === 'heatmap') {
      const most = this.chart.most;
      this.legend.replaceChildren(element('span', { class: 'note', text: most > 0 ? `strongest: ${shown(most, 'cps')} in one bucket` : 'no observations' }));
      return;
    }
    const compare = this.app.view.compared();
    const entries = columns.map((column) => {
      const { color, dash } = this.style(column, columns);
      const line = drawing('svg', { width: 22, height: 8, viewBox: '0 0 22 8', 'aria-hidden': 'true' },
        drawing('line', { x1: 0, y1: 4, x2: 22, y2: 4, stroke: color, 'stroke-width': 2.5, 'stroke-dasharray': dash.join(' ') || 'none' }));
      const isHidden = this.hidden.has(column.name);
      const parts = [...(this.kind === 'states' ? [] : [line]), element('span', { class: 'name', text: column.name })];
      if (compare && this.kind !== 'states') {
        const [before, after] = compare.map(([from, to]) => this.history.mean(column, from, to));
        const change = before > 0 ? ((after - before) / before) * 100 : NaN;
        const sign = Number.isNaN(change) ? '' : ` (${change >= 0 ? '+' : '−'}${Math.abs(change).toFixed(0)} %)`;
        parts.push(element('b', { text: `${shown(before, this.unit)} → ${shown(after, this.unit)}${sign}` }));
      } else {
        parts.push(element('b', { text: this.text(column) }));
      }
      return element('button', {
        class: isHidden ? 'off' : '', 'aria-pressed': String(!isHidden), title: `Show or hide ${column.name}`,
        on: { click: () => this.toggle(column.name) },
      }, ...parts);
    });
    // Focus stays where it was.
    const focused = [...this.legend.children].indexOf(document.activeElement);
    this.legend.replaceChildren(...entries);
    if (focused >= 0) this.legend.children[focused]?.focus();
    const total = this.history.columns.length;
    if (total > columns.length && columns.length >= MAX_LINES) {
      this.legend.append(element('span', { class: 'note', text: `the ${columns.length} largest of ${total}` }));
    }
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.draw();
  }

  drawStat() {
    const columns = this.columnsShown;
    const [start, end] = this.range;
    if (this.body.children.length === 0) {
      this.numbers = element('div', { class: 'numbers' });
      this.body.append(this.numbers);
      this.spark = new Spark(this.body);
    }
    const compare = this.app.view.compared();
    const numbers = columns.filter((column) => end > start && !Number.isNaN(column.values[end - 1])).map((column) => {
      const value = column.values[end - 1];
      const [sign, text] = LEVELS[level(value, this.limits)];
      const number = element('span', { class: `number level${level(value, this.limits)}`, title: this.limits ? text : '' });
      if (columns.length > 1) number.append(element('small', { text: column.name }));
      number.append(element('b', { text: `${sign && `${sign} `}${shown(value, this.unit)}` }));
      if (compare) {
        const [before, after] = compare.map(([from, to]) => shown(this.history.mean(column, from, to), this.unit));
        number.append(element('small', { text: `${before} → ${after}` }));
      }
      return number;
    });
    this.numbers.replaceChildren(...(numbers.length > 0 ? numbers : [element('span', { class: 'number none' }, element('b', { text: this.empty || '–' }))]));
    if (columns.length > 0) this.spark.draw(this.history, this.range, columns.at(-1), this.app.view);
  }

  // The rows of a table: one for each label set, with a value of each query.
  rows() {
    const [start, end] = this.range;
    if (end <= start) return [];
    if (!this.columns) return this.history.columns.filter(({ values }) => !Number.isNaN(values[end - 1])).map(({ labels }) => ({ labels, values: [] }));
    const rows = new Map();
    for (const { query, labels, values } of this.history.columns) {
      const key = Object.entries(labels).filter(([name]) => name !== '__name__').map(([, value]) => value).join(' ');
      if (!rows.has(key)) rows.set(key, { labels, values: [] });
      rows.get(key).values[query] = values[end - 1];
    }
    return [...rows.values()].filter(({ values }) => values.some((value) => value !== undefined && !Number.isNaN(value)));
  }

  drawTable() {
    const rows = this.rows();
    if (rows.length === 0) {
      this.lines = null;
      this.body.replaceChildren(element('p', { class: 'empty', text: this.empty || 'no data yet' }));
      return;
    }
    if (!this.columns) {
      const pairs = rows.flatMap(({ labels }) => Object.entries(labels).filter(([, value]) => value !== ''));
      this.body.replaceChildren(element('dl', {}, ...pairs.map(([name, value]) => element('div', {}, element('dt', { text: name }), element('dd', { text: value })))));
      return;
    }
    const label = Object.keys(rows[0].labels).find((name) => name !== '__name__') ?? '';
    const kind = label === 'function' ? 'function' : label === this.app.model.route ? 'route' : null;
    // Failures are first.
    const limited = this.columns.findIndex(({ limits }) => limits);
    this.sort ??= { column: limited >= 0 ? limited : Math.min(1, this.columns.length - 1), isDown: true };
    const { column, isDown } = this.sort;
    const name = ({ labels }) => labels[label] ?? 'all';
    const order = (a, b) => {
      const compared = column < 0 ? name(b).localeCompare(name(a)) : (a.values[column] || 0) - (b.values[column] || 0);
      return (isDown ? -compared : compared) || name(a).localeCompare(name(b));
    };
    if (!this.lines) {
      this.lines = new Map();
      this.head = element('tr');
      this.table = element('tbody');
      this.body.replaceChildren(element('div', { class: 'scroll' }, element('table', {}, element('thead', {}, this.head), this.table)));
      this.drawHead(label);
    }
    const largest = this.columns.map((_, i) => Math.max(...rows.map(({ values }) => values[i] || 0)));
    const sorted = rows.sort(order).slice(0, MAX_ROWS).map((row) => {
      const line = this.line(name(row), kind);
      this.columns.forEach(({ unit, limits }, i) => this.fill(line.cells[i], row.values[i] ?? NaN, unit, limits, largest[i]));
      return line.root;
    });
    // Only rows that change their place are moved: each costs a layout, and loses the focus.
    const focused = document.activeElement;
    let next = this.table.firstChild;
    for (const row of sorted) {
      if (row === next) next = next.nextSibling;
      else this.table.insertBefore(row, next);
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    if (this.table.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  drawHead(label) {
    const { column, isDown } = this.sort;
    const cells = [label, ...this.columns.map(({ title }) => title)].map((title, i) => {
      const isSorted = i - 1 === column;
      const button = element('button', { text: `${title}${isSorted ? (isDown ? ' ↓' : ' ↑') : ''}`, on: { click: () => {
        this.sort = { column: i - 1, isDown: isSorted ? !isDown : true };
        this.drawHead(label);
        this.head.children[i].firstChild.focus();
        this.draw();
      } } });
      return element('th', { scope: 'col', 'aria-sort': isSorted ? (isDown ? 'descending' : 'ascending') : 'none' }, button);
    });
    this.head.replaceChildren(...cells);
  }

  // The line of a table with this name.
  line(name, kind) {
    let line = this.lines.get(name);
    if (!line) {
      const first = kind ? element('button', { class: 'link', text: name, title: `Show ${name} alone`, on: { click: () => this.app.focus(kind, name) } }) : name;
      const cells = this.columns.map(() => element('td'));
      line = { root: element('tr', {}, element('th', { scope: 'row' }, first), ...cells), cells };
      this.lines.set(name, line);
    }
    return line;
  }

  fill(cell, value, unit, limits, largest) {
    const step = level(value, limits);
    const [sign] = LEVELS[step];
    const text = value === 0 ? '0' : `${sign && `${sign} `}${shown(value, unit)}`;
    if (cell.textContent !== text) {
      cell.textContent = text;
      cell.className = `level${step}${value ? '' : ' zero'}`;
    }
    const share = largest > 0 && value > 0 ? (value / largest).toFixed(2) : '0';
    if (cell.share !== share) {
      cell.share = share;
      cell.style.setProperty('--share', share);
    }
  }

  // The panel as it is on screen, for downloads and tests.
  series() {
    if (!this.history || !this.range) return [];
    const [start, end] = this.range;
    const columns = this.columns ? this.history.columns : this.columnsShown ?? [];
    return columns.map((column) => ({
      query: column.query, name: this.columns ? Object.values(column.labels).at(-1) ?? '' : column.name, labels: column.labels,
      times: this.history.times.subarray(start, end), values: column.values.subarray(start, end),
    }));
  }
}

// Returns the text of a description, which is Markdown.
function plain(about) {
  return about.replace(/`/g, '').replace(/&lt;/g, '<').replace(/&#36;/g, '$').replace(/&amp;/g, '&').replace(/\n+/g, '\n');
}
