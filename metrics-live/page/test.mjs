// Tests of the numbers of the page: `node test.mjs`.

import assert from 'node:assert/strict';
import { History } from './history.js';
import { compiled, filled, quantileOf } from './promql.js';
import { Store } from './samples.js';
import { shown } from './units.js';

const pairs = ({ labels, values }) => Object.fromEntries(labels.map(({ __name__, ...labels }, i) => [Object.values(labels).join(' '), values[i]]));

const store = new Store();
const context = { store, variables: { which: 'a_.*' }, window: (name) => (name === '$opened' ? Infinity : 2000) };
const query = (expr) => (time) => pairs(compiled(expr, context)(time));
const series = (name, matchers = [], window = null) => ['series', name, matchers, window];
const rate = ['call', 'rate', series('a_total', [], '$window')];
const byX = query(['aggregate', 'sum', ['x'], null, rate]);
const family = [0, 'a_total', 'counter', []];

store.reconnected();
store.take({ now: 1000, boot: 1, families: [family, [1, 'depth', 'gauge', []]], series: [[0, 0, 'x="1"'], [1, 1, 'q="a\\"\\n\\\\b"']], values: [0, 100, 1, 'Infinity'] });
store.take({ now: 2000, boot: 1, values: [0, 110] });
store.take({ now: 3000, boot: 1, series: [[2, 0, 'x="2"']], values: [2, 5] });
// A counter that was born while the page was open counts from zero, and one that was there from its first value.
assert.deepEqual(byX(3000), { 1: 5, 2: 2.5 });
assert.deepEqual(query(['call', 'increase', series('a_total', [], '$opened')])(3000), { 1: 10, 2: 5 });
assert.deepEqual(query(series('depth'))(1500), { 'a"\n\\b': Infinity });
// The operand of a subquery may have other labels.
const renamed = ['call', 'label_replace', series('', [['__name__', '=~', '$which']]), ['text', 'f'], ['text', '$1'], ['text', '__name__'], ['text', '(.)_total']];
assert.deepEqual(query(['aggregate', 'sum', ['f'], null, ['call', 'rate', ['subquery', renamed, '$window']]])(3000), { a: 7.5 });

// A restart is no negative rate. Series that the new process does not have are gone.
store.reconnected();
store.take({ now: 5000, boot: 2, families: [family], series: [[0, 0, 'x="1"']], values: [0, 4] });
assert.deepEqual(byX(5000), { 1: 2 });
assert.deepEqual(query(series('a_total'))(5000), { 1: 4 });
assert.deepEqual(query(series('a_total'))(3500), { 1: 110, 2: 5 });
assert.deepEqual(store.restarts, [5000]);

// A source that does not answer: its series are no removed ones, which would count from zero again.
const slow = new Store();
const jobs = ['call', 'increase', series('a_total', [], '$window')];
const increase = (time, window = 2000) => compiled(jobs, { ...context, store: slow, window: () => window })(time).values;
slow.reconnected();
slow.take({ now: 1000, boot: 1, families: [family], series: [[0, 0, 'x="1"'], [1, 0, 'x="2"']], values: [0, 100, 1, 7] });
slow.take({ now: 2000, boot: 1, missing: ['the collector did not answer in time'], gone: [0, 1] });
assert.deepEqual([slow.missing.length, increase(2000)], [1, []]);
slow.take({ now: 7000, boot: 1, missing: ['the collector did not answer in time'] });
slow.take({ now: 9000, boot: 1, series: [[2, 0, 'x="1"'], [3, 0, 'x="3"']], values: [2, 130, 3, 50] });
// What was counted meanwhile is in no rate, but in the sum since the page was opened. The new series may be an old one.
assert.deepEqual([increase(9000), increase(9000, Infinity)], [[0, 0], [30, 0]]);
slow.take({ now: 10000, boot: 1, values: [2, 131, 3, 52], gone: [2] });
slow.take({ now: 11000, boot: 1, series: [[4, 0, 'x="1"']], values: [4, 140] });
// It was removed, and starts from zero.
assert.deepEqual(increase(11000), [141, 2]);

// The page keeps 15 minutes, also of a counter that starts again every other second.
for (let second = 12; second < 3600; second += 1) slow.take({ now: second * 1000, boot: 1, values: [3, second, 4, second % 2] });
for (const { track, resets, absences } of slow.known.values()) assert.ok(track.length <= 912 && track.times.length <= 1024 && resets.length <= 460 && absences.length <= 1);
assert.ok(slow.ticks.length <= 912);

// Operators, matching and sets.
const number = (value) => ['binary', '+', value, 0, ''];
assert.equal(compiled(number(2), context)(0), 2);
const divided = ['binary', '/', rate, ['binary', '>', ['aggregate', 'sum', [], null, rate], 0, ''], 'on () group_left ()'];
assert.deepEqual(query(divided)(3000), { 1: 5 / 7.5, 2: 2.5 / 7.5 });
assert.deepEqual(query(['binary', 'unless', rate, ['call', 'rate', series('a_total', [['x', '=', '1']], '$window')], ''])(3000), { 2: 2.5 });
assert.deepEqual(query(['aggregate', 'topk', [], 1, rate])(3000), { 1: 5 });
assert.deepEqual(query(['aggregate', 'count', [], null, rate])(3000), { '': 2 });

// A result is one line, whichever side of an operation it comes from.
const either = ['binary', 'or', ['aggregate', 'sum', ['x'], null, ['binary', '>', rate, 4, '']], ['binary', '*', 0, ['aggregate', 'sum', ['x'], null, rate], ''], ''];
const history = new History([{ expr: either, legend: '{{x}}' }], context);
history.update(5000);
assert.deepEqual(history.columns.map(({ name, values }) => [name, [...values.subarray(0, history.length)].map((value) => (Number.isNaN(value) ? null : value))]), [['1', [10, 5, 0]], ['2', [null, 0, null]]].map(([name, values]) => [name, [null, ...values]]));

// Histograms: a bucket that appears within another one had the count of the one below it.
const sizes = new Store();
sizes.reconnected();
sizes.take({ now: 1000, boot: 1, families: [[0, 'size', 'histogram', []]], series: [[0, 0, '', [1, 4]]], lists: [[0, 5, 1, 3, 3]] });
sizes.take({ now: 2000, boot: 1, series: [[0, 0, '', [1, 2, 4]]], lists: [[0, 11, 1, 4, 6, 6]] });
const growth = compiled(['aggregate', 'sum', ['le'], null, ['call', 'increase', series('size_bucket', [], '$window')]], { ...context, store: sizes });
assert.deepEqual(pairs(growth(2000)), { 1: 0, 4: 3, '+Inf': 3, 2: 3 });
const total = compiled(['call', 'increase', series('size_count', [], '$window')], { ...context, store: sizes });
assert.deepEqual(total(2000).values, [3]);
assert.equal(quantileOf(0.5, [[1, 0], [2, 4], [Infinity, 4]]), 1.5);
assert.equal(quantileOf(0.99, [[1, 0], [2, 1], [Infinity, 4]]), 2);
assert.ok(Number.isNaN(quantileOf(0.5, [[1, 0], [Infinity, 0]])));

assert.equal(filled('${a}_x $b.$c', { a: '1', b: '2' }), '1_x 2.$c');
assert.deepEqual([shown(0.0123, 's'), shown(2048, 'bytes'), shown(0.256, 'percentunit'), shown(12345, 'reqps'), shown(NaN, 's')], ['12.3 ms', '2 KiB', '25.6%', '12.3 k req/s', '–']);
