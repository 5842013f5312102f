// The results of the queries of a panel over time, in typed arrays.

import { compiled } from './promql.js';
import { KEPT } from './samples.js';

const NOTHING = Object.freeze({});

// The largest number of lookups to fill in the past of a panel at once.
const BUDGET = 150e3;

export class History {
  // `isTable` keeps one result of each query: tables have many, and show one.
  constructor(queries, context, isTable = false) {
    Object.assign(this, { context, isTable });
    this.queries = queries.map(({ expr, legend }) => ({ evaluate: compiled(expr, context), legend, columns: new Map(), found: new WeakMap() }));
    this.times = new Float64Array(isTable ? 1 : 256);
    this.length = 0;
    // The results in the order in which they appeared.
    this.columns = [];
  }

  // Evaluates the queries for all samples until now that they have not been evaluated for, or for the end of the picture.
  update(end) {
    const { store } = this.context;
    if (this.isTable) {
      const time = store.tickBefore(end);
      if (Number.isNaN(time) || (this.length > 0 && this.times[0] === time)) return;
      this.length = 0;
      for (const { values } of this.columns) values[0] = NaN;
      this.evaluate(time);
      return;
    }
    const last = this.length > 0 ? this.times[this.length - 1] : -Infinity;
    const due = store.within(Math.max(last, store.now - KEPT), store.now);
    const size = this.queries.reduce((sum, { evaluate }) => sum + (evaluate.size?.() ?? 1), 1);
    const step = Math.max(1, Math.ceil(due.length / Math.max(30, BUDGET / size)));
    // The last one is always among them.
    for (let i = (due.length - 1) % step; i < due.length; i += step) this.evaluate(due[i]);
  }

  evaluate(time) {
    if (this.length === this.times.length) this.makeRoom();
    const place = this.length;
    this.times[place] = time;
    this.length += 1;
    this.queries.forEach((query, index) => {
      const found = query.evaluate(time);
      const { labels, values } = typeof found === 'number' ? { labels: [NOTHING], values: [found] } : found;
      labels.forEach((labels, i) => {
        let column = query.found.get(labels);
        if (!column) {
          column = this.column(query, index, labels);
          query.found.set(labels, column);
        }
        column.values[place] = values[i];
      });
    });
  }

  // The column of a label set, which may come from either side of an operation.
  column(query, index, labels) {
    const key = JSON.stringify(Object.entries(labels).filter(([name]) => name !== '__name__').sort());
    let column = query.columns.get(key);
    if (!column) {
      column = { query: index, labels, name: named(query.legend, labels), values: new Float64Array(this.times.length).fill(NaN) };
      query.columns.set(key, column);
      this.columns.push(column);
    }
    return column;
  }

  // Forgets what is too old, or doubles the room.
  makeRoom() {
    const oldest = this.times[this.length - 1] - KEPT;
    const start = this.times.subarray(0, this.length).findIndex((time) => time >= oldest);
    const size = start > this.length / 4 ? this.times.length : this.times.length * 2;
    const moved = (old) => {
      const made = new Float64Array(size).fill(NaN);
      made.set(old.subarray(start, this.length));
      return made;
    };
    this.times = moved(this.times);
    for (const column of this.columns) column.values = moved(column.values);
    this.length -= start;
    // Results that have no value left, such as those that are no longer among the largest.
    const isKept = ({ values }) => values.some((value) => !Number.isNaN(value));
    this.columns = this.columns.filter(isKept);
    for (const query of this.queries) {
      query.found = new WeakMap();
      for (const [key, column] of query.columns) if (!isKept(column)) query.columns.delete(key);
    }
  }

  // The places of the times within these bounds.
  range(from, to) {
    if (this.isTable) return [0, this.length];
    const times = this.times.subarray(0, this.length);
    const first = times.findIndex((time) => time >= from);
    if (first < 0) return [0, 0];
    let end = this.length;
    while (end > first && times[end - 1] > to) end -= 1;
    return [first, end];
  }

  // The columns with a value within these places, those with the largest last values first if there are more than `max`.
  shown(start, end, max) {
    const found = this.columns.filter(({ values }) => {
      for (let i = end - 1; i >= start; i -= 1) if (!Number.isNaN(values[i])) return true;
      return false;
    });
    if (found.length <= max) return found;
    const last = ({ values }) => (Number.isNaN(values[end - 1]) ? -Infinity : values[end - 1]);
    return found.sort((a, b) => last(b) - last(a)).slice(0, max);
  }

  // The mean of a column between two times.
  mean(column, from, to) {
    const [start, end] = this.range(from, to);
    let [sum, count] = [0, 0];
    for (let i = start; i < end; i += 1) {
      const value = column.values[i];
      if (Number.isFinite(value)) [sum, count] = [sum + value, count + 1];
    }
    return count > 0 ? sum / count : NaN;
  }
}

// Replaces `{{label}}` in a legend, as Grafana does.
function named(legend, labels) {
  const text = legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '').replace(/\s+/g, ' ').trim();
  return text || (legend === '' ? Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ') : 'all');
}
