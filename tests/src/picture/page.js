// Draws the panels of `JOB.dashboard` with the answers in `JOB.data`, and reports on each in `#drawn`.
'use strict';

const PALETTE = ['#73bf69', '#f2cc0c', '#5794f2', '#ff9830', '#f2495c', '#b877d9', '#8ab8ff', '#ffb357',
  '#ff7383', '#96d98d', '#ca95e5', '#ffee52', '#37872d', '#1f60c4', '#c4162a', '#8f3bb8'];
const COLOURS = { green: '#73bf69', yellow: '#fade2a', red: '#f2495c', blue: '#5794f2', purple: '#b877d9' };
const SPECTRAL = ['#5e4fa2', '#3288bd', '#66c2a5', '#abdda4', '#e6f598', '#ffffbf', '#fee08b', '#fdae61', '#f46d43', '#d53e4f', '#9e0142']
  .map((colour, i) => [i / 10, colour]);
const TEXT = '#8e8ea0';
const GRID = 'rgba(204, 204, 220, 0.09)';
const CELL = 38;
const [START, END, STEP] = [JOB.from, JOB.to, JOB.step].map((seconds) => seconds * 1000);
const report = { errors: [], panels: [] };

window.addEventListener('error', (event) => report.errors.push(event.message));
window.addEventListener('unhandledrejection', (event) => report.errors.push(String(event.reason)));

// Returns the factor and the suffix with which a unit of Grafana shows numbers up to `most`.
function scaled(unit, most) {
  const steps = (list, base) => {
    const [factor, suffix] = list.find(([factor]) => most * factor >= 1) ?? list[list.length - 1];
    return { factor, suffix: suffix + base };
  };
  const thousands = [[1e-9, ' G'], [1e-6, ' M'], [1e-3, ' k'], [1, ' ']];
  const bytes = [[2 ** -30, ' GiB'], [2 ** -20, ' MiB'], [2 ** -10, ' KiB'], [1, ' B']];
  switch (unit) {
    case 'none': return { factor: 1, suffix: '' };
    case 'short': return { factor: 1, suffix: '' };
    case 'percentunit': return { factor: 100, suffix: '%' };
    case 's': return steps([[1 / 3600, ' h'], [1 / 60, ' min'], [1, ' s'], [1e3, ' ms'], [1e6, ' µs']], '');
    case 'reqps': return steps(thousands, 'req/s');
    case 'cps': return steps(thousands, 'c/s');
    case 'bytes': return steps(bytes, '');
    case 'Bps': return steps(bytes, '/s');
    default: return { factor: 1, suffix: ` ${unit}` };
  }
}

function shown(value, unit) {
  const { factor, suffix } = scaled(unit, Math.abs(value));
  return `${Number((value * factor).toPrecision(3))}${suffix}`;
}

function element(parent, tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

// Replaces `{{label}}` in a legend as Grafana does. Without a legend, the name is the label set.
function named(format, metric) {
  if (!format) return JSON.stringify(metric);
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

// All series of a panel: `x` in milliseconds, `y` numbers or null. A pause longer than the step becomes a gap.
function series(panel) {
  return panel.targets.flatMap((target, index) => JOB.data[panel.id][index].map(({ metric, values }) => {
    const [x, y] = [[], []];
    for (const [seconds, text] of values) {
      const time = seconds * 1000;
      if (x.length > 0 && time - x[x.length - 1] > STEP) {
        x.push(x[x.length - 1] + STEP);
        y.push(null);
      }
      const value = Number(text);
      x.push(time);
      y.push(Number.isFinite(value) ? value : null);
    }
    return { name: named(target.legendFormat, metric), metric, x, y };
  })).filter(({ y }) => y.some((value) => value !== null));
}

function most(all) {
  return Math.max(0, ...all.flatMap(({ y }) => y.map((value) => Math.abs(value ?? 0))));
}

// Without `names` there is no legend. The legend is added first, because the plot fills the remaining space.
function plot(parent, traces, layout, names = []) {
  const box = element(parent, 'div', 'plot');
  if (names.length > 0) legend(parent, names);
  const axis = { gridcolor: GRID, zeroline: false, tickfont: { size: 10 }, automargin: false, fixedrange: true };
  const time = { ...axis, type: 'date', range: [START, END], nticks: 5, ticklabelstandoff: 4, tickformat: END - START < 600e3 ? '%H:%M:%S' : '%H:%M' };
  Plotly.newPlot(box, traces, {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: { color: TEXT, family: 'sans-serif' },
    margin: { l: 58, r: 8, t: 8, b: 26 }, showlegend: false, width: box.clientWidth, height: box.clientHeight,
    ...layout, xaxis: { ...time, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
  }, { staticPlot: true });
  return box;
}

function legend(parent, entries) {
  const list = element(parent, 'div', 'legend');
  for (const [name, colour] of entries) {
    const entry = element(list, 'span');
    element(entry, 'i').style.background = colour;
    entry.append(name);
  }
}

// Counts the elements with an extent. Elements outside of the picture have one too.
function visible(box, selector) {
  return [...box.querySelectorAll(selector)].filter((mark) => {
    const { width, height } = mark.getBoundingClientRect();
    return width + height > 0;
  }).length;
}

const DRAW = {
  timeseries(panel, box, all) {
    const { unit, min, custom } = panel.fieldConfig.defaults;
    const stacked = custom?.stacking?.mode === 'normal';
    const opacity = Math.round((custom?.fillOpacity ?? 0) * 2.55).toString(16).padStart(2, '0');
    const total = stacked ? all.reduce((sum, { y }) => sum + most([{ y }]), 0) : most(all);
    const { factor, suffix } = scaled(unit, total);
    const fixed = (name) => panel.fieldConfig.overrides?.find(({ matcher }) => matcher.options === name)
      ?.properties.find(({ id }) => id === 'color')?.value.fixedColor;
    const colours = all.map(({ name }, i) => COLOURS[fixed(name)] ?? PALETTE[i % PALETTE.length]);
    const traces = all.map(({ x, y }, i) => ({
      x, y: y.map((value) => (value === null ? null : value * factor)), mode: 'lines', connectgaps: false,
      line: { color: colours[i], width: custom?.lineWidth ?? 1 }, fillcolor: colours[i] + opacity,
      ...(stacked ? { stackgroup: 'all' } : { fill: 'tozeroy' }),
    }));
    const plotted = plot(box, traces, {
      yaxis: { ticksuffix: suffix, nticks: 6, rangemode: min === 0 ? 'tozero' : 'normal',
        ...(total === 0 ? { range: [0, 1], nticks: 2 } : {}) },
    }, all.map(({ name }, i) => [name, colours[i]]));
    return visible(plotted, '.js-line');
  },

  stat(panel, box, all) {
    const { unit, thresholds } = panel.fieldConfig.defaults;
    const stats = element(box, 'div', 'stats');
    for (const { name, y } of all) {
      const value = y.findLast((value) => value !== null);
      const step = thresholds?.steps.findLast((step) => step.value === null || value >= step.value);
      const colour = COLOURS[step?.color] ?? COLOURS.green;
      const stat = element(stats, 'div', 'stat');
      if (all.length > 1) element(stat, 'small', '', name);
      element(stat, 'b', '', shown(value, unit)).style.color = colour;
    }
    return visible(stats, 'b');
  },

  table(panel, box, all) {
    if (panel.transformations?.[0]?.id === 'merge') return joined(panel, box);
    const hidden = panel.transformations?.[0]?.options.excludeByName ?? {};
    const table = element(box, 'table');
    const columns = Object.keys(all[0].metric).filter((label) => !hidden[label]);
    const line = (cell, texts) => {
      const row = element(table, 'tr');
      texts.forEach((text) => element(row, cell, '', text));
    };
    line('th', columns);
    all.forEach(({ metric }) => line('td', columns.map((column) => metric[column])));
    return visible(table, 'td');
  },

  heatmap(panel, box, all) {
    // Buckets are cumulative: the count of a bucket itself is the difference to the bucket below.
    const bound = ({ metric }) => Number(metric.le.replace('Inf', 'Infinity'));
    const buckets = [...all].sort((a, b) => bound(a) - bound(b));
    const below = new Map();
    const z = buckets.map(({ x, y }) => x.map((time, i) => {
      const own = (y[i] ?? 0) - (below.get(time) ?? 0);
      below.set(time, y[i] ?? 0);
      return own > 0 ? own : null;
    }));
    const { unit } = panel.fieldConfig.defaults;
    const names = buckets.map((bucket) => (bound(bucket) === Infinity ? '+Inf' : shown(bound(bucket), unit)));
    const heat = { type: 'heatmap', x: buckets[0].x, y: names, z, colorscale: SPECTRAL, ygap: 1,
      colorbar: { thickness: 7, outlinewidth: 0, tickfont: { size: 9 }, nticks: 4 } };
    const plotted = plot(box, [heat], { yaxis: { type: 'category' }, margin: { l: 58, r: 40, t: 8, b: 26 } });
    return visible(plotted, '.heatmaplayer image');
  },

  'state-timeline'(panel, box, all) {
    const states = panel.fieldConfig.defaults.mappings.find(({ type }) => type === 'value').options;
    const bars = all.flatMap(({ name, x, y }) => y.map((value, i) => ({ name, value, from: x[i], to: x[i + 1] ?? END })))
      .filter(({ value }) => value !== null)
      // Adjacent bars with the same value are merged.
      .reduce((merged, bar) => {
        const last = merged[merged.length - 1];
        if (last?.name === bar.name && last.value === bar.value && last.to === bar.from) last.to = bar.to;
        else merged.push(bar);
        return merged;
      }, []);
    const colour = ({ value }) => COLOURS[states[value]?.color] ?? TEXT;
    const occurring = Object.keys(states).filter((value) => bars.some((bar) => bar.value === Number(value)));
    const plotted = plot(box, [{
      type: 'bar', orientation: 'h', width: 0.85, y: bars.map(({ name }) => name), base: bars.map(({ from }) => from),
      x: bars.map(({ from, to }) => to - from), marker: { color: bars.map(colour), line: { width: 0 } },
      text: bars.map(({ value, from, to }) => ((to - from) / (END - START) > 0.06 ? states[value]?.text : '')),
      textposition: 'inside', insidetextanchor: 'start', insidetextfont: { color: '#111217', size: 11 }, constraintext: 'none',
    }], { barmode: 'overlay', yaxis: { type: 'category', autorange: 'reversed' }, margin: { l: 190, r: 8, t: 4, b: 26 } },
    occurring.map((value) => [states[value].text, colour({ value })]));
    return visible(plotted, '.bars .point path');
  },
};

// Draws a table with a column for each query, joined by their only label, as Grafana's transformation `merge` does.
function joined(panel, box) {
  const { overrides } = panel.fieldConfig;
  const rows = new Map();
  panel.targets.forEach((target, index) => JOB.data[panel.id][index].forEach(({ metric, values }) => {
    const [time, text] = values[values.length - 1];
    // The current value: an instant query has none of the past.
    if (JOB.to - time > JOB.step) return;
    const name = Object.values(metric).join(' ');
    rows.set(name, { ...rows.get(name), [target.legendFormat]: Number(text) });
  }));
  const columns = panel.targets.map(({ legendFormat }) => legendFormat);
  const property = (column, id) => overrides.find(({ matcher }) => matcher.options === column)?.properties.find((p) => p.id === id)?.value;
  const [sort] = panel.options.sortBy ?? [];
  const order = (row) => row[sort?.displayName] ?? -1;
  const table = element(box, 'table');
  const head = element(table, 'tr');
  [Object.keys(JOB.data[panel.id].flat()[0]?.metric ?? {}).join(' '), ...columns].forEach((text) => element(head, 'th', '', text));
  [...rows].sort((a, b) => order(b[1]) - order(a[1])).forEach(([name, row]) => {
    const line = element(table, 'tr');
    element(line, 'td', '', name);
    columns.forEach((column) => {
      const value = row[column];
      const cell = element(line, 'td', '', value === undefined ? '' : shown(value, property(column, 'unit')));
      const step = property(column, 'thresholds')?.steps.findLast((step) => step.value === null || value >= step.value);
      if (step) cell.style.color = COLOURS[step.color];
    });
  });
  return visible(table, 'td');
}

function draw(panel, grid) {
  const { x, y, w, h } = panel.gridPos;
  const kind = panel.collapsed ? 'cell row closed' : 'cell row';
  const cell = element(grid, 'div', panel.type === 'row' ? kind : 'cell');
  Object.assign(cell.style, { left: `${x / 0.24}%`, width: `${w / 0.24}%`, top: `${y * CELL}px`, height: `${h * CELL}px` });
  if (panel.type === 'row') {
    cell.textContent = panel.title;
    if (panel.collapsed) element(cell, 'small', '', `(${panel.panels.length} panels)`);
    return;
  }
  const box = element(cell, 'div', 'panel');
  element(box, 'div', 'title', panel.title);
  if (!DRAW[panel.type]) throw new Error(`the page cannot draw a ${panel.type}`);
  const all = series(panel);
  let marks = 0;
  if (all.length > 0) marks = DRAW[panel.type](panel, box, all);
  else element(box, 'div', 'empty', panel.fieldConfig.defaults.noValue ?? 'No data');
  report.panels.push({ panel: panel.id, series: all.length, marks, names: all.map(({ name }) => name) });
}

const clock = (time) => new Date(time).toISOString().slice(11, 19);
const header = document.getElementById('header');
header.textContent = JOB.dashboard.title;
element(header, 'span', '', `${clock(START)} to ${clock(END)} UTC`);
for (const panel of JOB.dashboard.panels) {
  try {
    draw(panel, document.getElementById('grid'));
  } catch (error) {
    report.errors.push(`${panel.title}: ${error.message}`);
  }
}

// Plotly has drawn synchronously: all elements exist by now.
const drawn = document.createElement('script');
drawn.id = 'drawn';
drawn.type = 'application/json';
drawn.textContent = JSON.stringify(report).replaceAll('<', '\\u003c');
document.body.append(drawn);
