// The table of all metrics.

import { element } from './dom.js';
import { shown } from './units.js';

// In seconds since 1970.
const YEAR_2001 = 1e9;

export class Catalogue {
  constructor(app) {
    this.app = app;
    this.count = element('span', { class: 'note', role: 'status' });
    this.input = element('input', {
      type: 'search', placeholder: 'name, help, label, kind or file', 'aria-label': 'Search metrics', spellcheck: 'false',
      on: { input: () => {
        app.view.search = this.input.value;
        app.view.write();
        this.draw(true);
      } },
    });
    this.input.value = app.view.search;
    const head = ['Metric', 'Kind', 'Labels', 'Series', 'Now', 'Declared at'].map((title) => element('th', { scope: 'col', text: title }));
    this.rows = element('tbody');
    this.root = element('section', { class: 'catalogue', 'aria-label': 'All metrics' },
      element('div', { class: 'searchbar' }, this.input, this.count),
      element('div', { class: 'scroll' }, element('table', {}, element('thead', {}, element('tr', {}, ...head)), this.rows)));
  }

  // The values of all series; of histograms and summaries, the numbers of observations.
  values({ name, kind }) {
    const { store } = this.app;
    const sample = ['histogram', 'summary'].includes(kind) ? `${name}_count` : name;
    return (store.byName.get(sample) ?? []).map((series) => series.at(store.now)).filter((value) => !Number.isNaN(value));
  }

  draw(isNew = false) {
    const { model, store, view } = this.app;
    const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
    const text = ({ name, kind, help, labels, places }) => [name, kind, help, ...labels.map(([label]) => label), ...places].join(' ').toLowerCase();
    if (isNew || this.model !== model) {
      this.model = model;
      const found = model.metrics.filter((metric) => words.every((word) => text(metric).includes(word)));
      this.count.textContent = `${found.length} of ${model.metrics.length} metrics`;
      this.shown = found.map((metric) => {
        const cells = { series: element('td', { class: 'series' }), now: element('td') };
        const labels = metric.labels.map(([label, known]) => element('code', { text: label, title: known === null ? 'values are known at run time' : `${known} known values` }));
        const row = element('tr', {},
          element('th', { scope: 'row', class: 'wide' }, element('code', { text: metric.name }), element('small', { text: metric.help })),
          element('td', { text: metric.unit ? `${metric.kind}, ${metric.unit}` : metric.kind }),
          element('td', { class: 'labels wide' }, ...labels), cells.series, cells.now,
          element('td', { class: 'places wide' }, ...metric.places.map((place) => element('code', { text: place }))));
        return { metric, row, cells };
      });
      this.rows.replaceChildren(...this.shown.map(({ row }) => row));
    }
    for (const { metric, cells } of this.shown) {
      const count = store.counts(metric.name);
      const isNear = metric.limit !== null && metric.limit > 10 && count > metric.limit * 0.8 && metric.limited.startsWith('up to');
      cells.series.textContent = `${isNear ? '▲ ' : ''}${count}`;
      cells.series.append(element('small', { text: metric.limited === 'not known' ? '' : `of ${metric.limited.replace(/`/g, '')}` }));
      cells.now.textContent = this.now(metric);
    }
  }

  now(metric) {
    const values = metric.kind === 'info' ? [] : this.values(metric);
    if (values.length === 0) return metric.kind === 'info' ? '' : '–';
    const sum = values.reduce((sum, value) => sum + value, 0);
    // The number of observations has no unit.
    if (['histogram', 'summary'].includes(metric.kind)) return shown(sum, 'short');
    const unit = { seconds: 's', bytes: 'bytes' }[metric.unit] ?? 'short';
    if (metric.kind === 'counter') return shown(sum, unit);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    // A gauge of seconds since 1970 is a moment, which is 0 before there is one.
    if (/(timestamp|time)_seconds$/.test(metric.name) && most > YEAR_2001) return new Date(most * 1000).toLocaleString();
    if (metric.name.endsWith('timestamp_seconds') && most === 0) return '–';
    // Ratios and states have no sum.
    return least === most ? shown(most, unit) : `${shown(least, unit)} … ${shown(most, unit)}`;
  }
}
