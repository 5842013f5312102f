// Charts of panels, drawn by uPlot.

import { colorOf, element, faded, variable } from './dom.js';
import { clock, digits, scale } from './units.js';

/* global uPlot */

// The steps of an axis with bytes.
const POWERS = Array.from({ length: 52 }, (_, i) => 2 ** i);

// The height of a chart in pixels.
const HEIGHT = 170;

const FONT = '11px system-ui, sans-serif';

// Lines that are not in the data: restarts and the marked moment.
function drawMoments(plot, view, store) {
  const { ctx, bbox } = plot;
  const line = (time, color, dash, text) => {
    const x = Math.round(plot.valToPos(time, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.setLineDash(dash);
    ctx.lineWidth = devicePixelRatio * 1.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    const isNearEnd = x > bbox.left + bbox.width * 0.8;
    ctx.textAlign = isNearEnd ? 'right' : 'left';
    ctx.fillText(text, x + (isNearEnd ? -4 : 4) * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
    ctx.restore();
  };
  for (const time of store.restarts) line(time, variable('--accent'), [2, 4], 'restart');
  if (view.mark !== null) line(view.mark, variable('--text'), [8, 4], 'mark');
}

// Creates a plot in a box. `draw` draws what uPlot does not.
function plot(box, { view, store, series, values, range, draw, cursor, size, bands, splits, incrs, height = HEIGHT }) {
  const [text, grid] = [variable('--dim'), variable('--grid')];
  const axis = { stroke: text, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const made = new uPlot({
    width: Math.max(80, box.clientWidth),
    height,
    ms: 1,
    padding: [6, 30, 0, 0],
    legend: { show: false },
    scales: { x: { time: true, range: () => view.range() }, y: { range } },
    axes: [
      { ...axis, size: 26, gap: 4, space: 70, values: (_, times) => times.map((time) => clock(time, view.span() < 10 * 60e3)) },
      { ...axis, size, gap: 4, space: 28, values, ...(incrs && { incrs }), ...(splits && { splits, grid: { show: false } }) },
    ],
    series: [{}, ...series],
    bands,
    cursor: { sync: { key: 'live', setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    hooks: {
      draw: [(plot) => {
        draw?.(plot);
        drawMoments(plot, view, store);
      }],
      setCursor: [(plot) => cursor?.(plot.cursor.idx)],
      setSelect: [({ select }) => {
        if (select.width > 4) view.zoom(...[select.left, select.left + select.width].map((place) => made.posToVal(place, 'x')));
        made.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  }, [[], ...series.map(() => [])], box);
  return made;
}

function nulls(values, start, end) {
  const made = new Array(end - start);
  for (let i = start; i < end; i += 1) made[i - start] = Number.isFinite(values[i]) ? values[i] : null;
  return made;
}

// Lines, or areas on top of each other.
export class Lines {
  constructor(panel, box, app) {
    Object.assign(this, { panel, box, app, shape: '' });
  }

  draw(history, [start, end], columns) {
    const { panel, app } = this;
    const stacked = panel.kind === 'stacked';
    const visible = columns.filter((column) => !panel.hidden?.has(column.name));
    const shape = `${document.documentElement.dataset.theme}${visible.map(({ name, query }) => `${query} ${name}`).join('\n')}`;
    const style = (column) => panel.style(column, columns);
    if (shape !== this.shape || !this.plot) {
      this.plot?.destroy();
      this.shape = shape;
      const series = visible.map((column) => {
        const { color, dash } = style(column);
        return { stroke: color, dash, width: 1.6, points: { show: false }, fill: !stacked && visible.length === 1 ? faded(color, 0.12) : undefined, spanGaps: false };
      });
      const bands = stacked ? visible.map((column, i) => ({ series: [i + 1, i + 2], fill: faded(style(column).color, 0.28) })).slice(0, -1) : undefined;
      if (stacked && series.length > 0) series.at(-1).fill = faded(style(visible.at(-1)).color, 0.28);
      this.plot = plot(this.box, {
        view: app.view, store: app.store, series, bands,
        range: (_, min, max) => this.limits(min, max),
        values: (_, ticks) => {
          const { factor, suffix } = scale(panel.unit, Math.max(...ticks.map(Math.abs), 0));
          return ticks.map((tick) => `${digits(tick * factor)}${suffix === '%' ? '%' : suffix && ` ${suffix.trim()}`}`);
        },
        cursor: (place) => panel.pointed(place === null || place === undefined ? null : place),
        size: 68,
        incrs: ['bytes', 'Bps'].includes(panel.unit) ? POWERS : undefined,
      });
    }
    let data = visible.map(({ values }) => nulls(values, start, end));
    if (stacked) {
      // The first of the legend is on top.
      const sum = new Array(end - start).fill(0);
      for (let k = data.length - 1; k >= 0; k -= 1) data[k] = data[k].map((value, i) => (sum[i] += value ?? 0));
    }
    data = [Array.from(history.times.subarray(start, end)), ...data];
    this.plot.setData(data);
    this.marks = data.slice(1).reduce((sum, values) => sum + values.filter((value) => value !== null).length, 0);
  }

  limits(min, max) {
    if (min === null || max === null) return [0, 1];
    const low = this.panel.signed ? Math.min(0, min) : 0;
    if (max <= low) return [low, low + 1];
    return [low, low + (max - low) * 1.08];
  }

  resize() {
    this.plot?.setSize({ width: Math.max(80, this.box.clientWidth), height: this.height ?? HEIGHT });
  }
}

// A picture of cells: rows over time.
class Cells {
  constructor(panel, box, app) {
    Object.assign(this, { panel, box, app, rows: [] });
  }

  // Calls `each` with the row, the place of a time, and the position of a cell in the picture.
  cells(plot, each) {
    const { bbox } = plot;
    const x = (time) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(time, 'x', true)));
    const { times, start, end } = this;
    for (let i = start; i < end; i += 1) {
      const until = i + 1 < end ? times[i + 1] : Math.min(times[i] + (i > start ? times[i] - times[i - 1] : 1000), this.app.view.range()[1]);
      const [left, right] = [x(times[i]), x(until)];
      if (right <= left) continue;
      for (let row = 0; row < this.rows.length; row += 1) {
        const [top, bottom] = [plot.valToPos(row + 1, 'y', true), plot.valToPos(row, 'y', true)];
        each(row, i, { left, top, width: right - left, height: bottom - top });
      }
    }
  }

  show(history, [start, end], rows, settings) {
    Object.assign(this, { times: history.times, start, end });
    const shape = `${document.documentElement.dataset.theme}${rows.map(({ name }) => name).join('\n')}`;
    this.rows = rows;
    if (shape !== this.shape || !this.plot) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = plot(this.box, {
        view: this.app.view, store: this.app.store,
        series: [{ stroke: 'transparent', points: { show: false }, paths: () => null }],
        range: () => [0, Math.max(1, this.rows.length)],
        draw: (plot) => this.picture(plot),
        cursor: (place) => this.panel.pointed(place ?? null),
        ...settings,
      });
    }
    this.plot.setData([Array.from(history.times.subarray(start, end)), new Array(end - start).fill(0)]);
  }

  resize() {
    this.plot?.setSize({ width: Math.max(80, this.box.clientWidth), height: this.height ?? HEIGHT });
  }
}

// The rates of buckets: the more, the stronger.
export class Heatmap extends Cells {
  draw(history, range, columns) {
    const bound = ({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le));
    const rows = [...columns].sort((a, b) => bound(a) - bound(b));
    this.bounds = rows.map(bound);
    const unit = this.panel.unit;
    const values = (_, ticks) => ticks.map((tick) => {
      const bound = this.bounds[tick - 1];
      if (!Number.isInteger(tick) || bound === undefined) return '';
      if (bound === Infinity) return '∞';
      const { factor, suffix } = scale(unit, bound);
      return `${digits(bound * factor)} ${suffix}`;
    });
    this.show(history, range, rows, { size: 68, values });
  }

  picture(plot) {
    const { ctx } = plot;
    const color = colorOf(1);
    const value = (row, i) => Math.max(0, (this.rows[row].values[i] || 0) - (row > 0 ? this.rows[row - 1].values[i] || 0 : 0));
    let most = 0;
    for (let i = this.start; i < this.end; i += 1) for (let row = 0; row < this.rows.length; row += 1) most = Math.max(most, value(row, i));
    this.marks = 0;
    this.most = most;
    ctx.save();
    this.cells(plot, (row, i, { left, top, width, height }) => {
      const share = value(row, i) / most;
      if (!(share > 0.001)) return;
      ctx.fillStyle = faded(color, 0.12 + 0.88 * Math.sqrt(share));
      ctx.fillRect(left, top + 1, width + 0.5, Math.max(1, height - 1));
      this.marks += 1;
    });
    ctx.restore();
  }
}

// The states of circuit breakers: each stretch has a color, a pattern and its name.
export class States extends Cells {
  draw(history, range, columns) {
    const rows = [...columns].reverse();
    this.height = 34 + 38 * Math.min(rows.length, 12);
    this.box.style.height = `${this.height}px`;
    this.show(history, range, rows, {
      size: 92, height: this.height,
      // Names are in the middle of their rows.
      splits: () => this.rows.map((_, i) => i + 0.5),
      values: () => this.rows.map(({ name }) => (name.length > 14 ? `${name.slice(0, 13)}…` : name)),
    });
  }

  picture(plot) {
    const { ctx } = plot;
    const states = this.app.model.states;
    const stretches = this.rows.map(() => []);
    this.cells(plot, (row, i, cell) => {
      const value = this.rows[row].values[i];
      const last = stretches[row].at(-1);
      if (Number.isNaN(value)) return;
      if (last && last.value === value && Math.abs(last.left + last.width - cell.left) < 2) last.width = cell.left + cell.width - last.left;
      else stretches[row].push({ ...cell, value });
    });
    this.marks = stretches.flat().length;
    ctx.save();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    for (const { left, top, width, height, value } of stretches.flat()) {
      const [name, named] = states[value] ?? [String(value)];
      const gap = Math.min(6, height * 0.12);
      const color = colorOf(0, named);
      ctx.fillStyle = faded(color, value === 0 ? 0.3 : 0.5);
      ctx.fillRect(left, top + gap, width, height - 2 * gap);
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top + gap, width, height - 2 * gap);
      ctx.clip();
      if (value !== 0) {
        // Stripes, for those who do not see the color.
        ctx.strokeStyle = faded(color, 0.9);
        ctx.lineWidth = devicePixelRatio;
        const step = (value === 1 || value === 4 ? 6 : 12) * devicePixelRatio;
        for (let x = left - height; x < left + width; x += step) {
          ctx.beginPath();
          ctx.moveTo(x, top + height);
          ctx.lineTo(x + height, top);
          ctx.stroke();
        }
      }
      const room = ctx.measureText(name).width + 12;
      if (width > room) {
        ctx.fillStyle = faded(variable('--panel'), 0.8);
        if (value !== 0) ctx.fillRect(left + 3, top + height / 2 - 8 * devicePixelRatio, room - 4, 16 * devicePixelRatio);
        ctx.fillStyle = variable('--text');
        ctx.fillText(name, left + 7, top + height / 2);
      }
      ctx.restore();
    }
    ctx.restore();
  }
}

// A small line without axes.
export class Spark {
  constructor(box) {
    this.canvas = element('canvas', { class: 'spark', 'aria-hidden': 'true' });
    box.append(this.canvas);
  }

  draw(history, [start, end], column, view) {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.max(1, size * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const ctx = canvas.getContext('2d');
    ctx.clearRect(0, 0, width, height);
    const values = column.values.subarray(start, end);
    const most = values.reduce((most, value) => (value > most ? value : most), 0) || 1;
    const [from, to] = view.range();
    const point = (i) => [((history.times[start + i] - from) / (to - from)) * width, height - 2 - (values[i] / most) * (height - 4)];
    ctx.strokeStyle = colorOf(0);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    let [isOpen, last] = [false, 0];
    values.forEach((value, i) => {
      if (Number.isNaN(value)) {
        isOpen = false;
        return;
      }
      const [x, y] = point(i);
      if (isOpen) ctx.lineTo(x, y);
      else ctx.moveTo(x, y);
      [isOpen, last] = [true, x];
    });
    ctx.stroke();
    return last;
  }
}
