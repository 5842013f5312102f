// Evaluates the queries of panels, which are trees, over the samples that the page has.
//
// A vector is a list of label sets and a list of values. A node returns the same object for the same label set every
// time, so that the nodes above can keep what they know about it.

const EMPTY = Object.freeze({});

// Fills in variables: `$name` and `${name}`. Others stay.
export function filled(text, variables) {
  return text.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (all, braced, plain) => variables[braced ?? plain] ?? all);
}

// A regular expression of RE2 for the whole text.
export function whole(pattern) {
  return new RegExp(`^(?:${pattern})$`, 's');
}

const COMPARE = {
  '=': (value) => (text) => text === value,
  '!=': (value) => (text) => text !== value,
  '=~': (value) => (text) => whole(value).test(text),
  '!~': (value) => (text) => !whole(value).test(text),
};

const ARITHMETIC = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

const COMPARISONS = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

const SETS = {
  and: (isInOther) => isInOther,
  unless: (isInOther) => !isInOther,
  or: null,
};

const AGGREGATIONS = {
  sum: { start: 0, add: (total, value) => total + value },
  max: { start: -Infinity, add: Math.max },
  min: { start: Infinity, add: Math.min },
  count: { start: 0, add: (total) => total + 1 },
  group: { start: 1, add: () => 1 },
  topk: null,
};

// Returns a function of a label set that computes its result once.
function remembered(compute) {
  const results = new WeakMap();
  return (labels) => {
    let result = results.get(labels);
    if (result === undefined) {
      result = compute(labels);
      results.set(labels, result);
    }
    return result;
  };
}

// Returns a function that gives the same object for equal label sets, for as long as somebody has it.
function interned() {
  const objects = new Map();
  const ended = new FinalizationRegistry((key) => {
    if (!objects.get(key)?.deref()) objects.delete(key);
  });
  return (pairs) => {
    if (pairs.length === 0) return EMPTY;
    const key = JSON.stringify(pairs);
    let made = objects.get(key)?.deref();
    if (!made) {
      made = Object.freeze(Object.fromEntries(pairs));
      objects.set(key, new WeakRef(made));
      ended.register(made, key);
    }
    return made;
  };
}

function picked(labels, names) {
  return [...names].sort().filter((name) => (labels[name] ?? '') !== '').map((name) => [name, labels[name]]);
}

function others(labels, names) {
  return Object.entries(labels).filter(([name]) => name !== '__name__' && !names.includes(name)).sort();
}

function series([, metric, matchers], context) {
  const tests = matchers.map(([label, compare, value]) => {
    const test = COMPARE[compare](filled(value, context.variables));
    return (labels) => test(labels[label] ?? '');
  });
  let [generation, selected] = [-1, []];
  const select = () => {
    const { store } = context;
    if (generation === store.generation) return selected;
    generation = store.generation;
    const all = metric ? (store.byName.get(filled(metric, context.variables)) ?? []) : [...store.known.values()];
    selected = all.filter(({ labels }) => tests.every((test) => test(labels)));
    return selected;
  };
  const node = (time, mode) => {
    const [labels, values] = [[], []];
    for (const one of select()) {
      const value = mode === undefined ? one.at(time) : mode === 'total' ? one.total(time) : one.before(time, context.store.opened);
      if (Number.isNaN(value)) continue;
      labels.push(one.labels);
      values.push(value);
    }
    return { labels, values };
  };
  node.size = () => select().length;
  return node;
}

// The growth within a window, and its length in seconds.
function growth(argument, context, of) {
  const window = context.window(argument.at(-1));
  // The operand of a subquery is evaluated at both ends of the window.
  const operand = compiled(argument[0] === 'subquery' ? argument[1] : argument, context);
  const node = (time) => {
    const { store } = context;
    const end = store.tickBefore(time);
    const start = store.startOf(end, window);
    if (!(start < end)) return { labels: [], values: [] };
    const { labels, values } = operand(end, 'total');
    const before = operand(start, 'before');
    const places = new Map(before.labels.map((labels, i) => [labels, i]));
    const seconds = (end - start) / 1000;
    return { labels, values: values.map((value, i) => of(Math.max(0, value - (before.values[places.get(labels[i])] ?? 0)), seconds)) };
  };
  node.size = operand.size;
  return node;
}

// The rule of Prometheus: linear within a bucket, and at most the last finite bound.
export function quantileOf(quantile, buckets) {
  buckets.sort((a, b) => a[0] - b[0]);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (buckets.length < 2 || buckets.at(-1)[0] !== Infinity || total === 0) return NaN;
  const rank = quantile * total;
  let place = buckets.findIndex(([, count]) => count >= rank);
  if (place < 0) place = buckets.length - 1;
  if (place === buckets.length - 1) return buckets.at(-2)[0];
  const end = buckets[place][0];
  if (place === 0 && end <= 0) return end;
  const [start, below] = place > 0 ? buckets[place - 1] : [0, 0];
  const within = buckets[place][1] - below;
  return within > 0 ? start + (end - start) * ((rank - below) / within) : end;
}

const FUNCTIONS = {
  rate: ([argument], context) => growth(argument, context, (value, seconds) => value / seconds),
  increase: ([argument], context) => growth(argument, context, (value) => value),
  time: () => (time) => time / 1000,
  vector: ([argument], context) => {
    const operand = compiled(argument, context);
    return (time) => ({ labels: [EMPTY], values: [operand(time)] });
  },
  histogram_quantile: ([quantile, argument], context) => {
    const [wanted, operand] = [compiled(quantile, context), compiled(argument, context)];
    const intern = interned();
    const split = remembered((labels) => [intern(others(labels, ['le'])), labels.le === '+Inf' ? Infinity : Number(labels.le)]);
    const node = (time) => {
      const groups = new Map();
      const { labels, values } = operand(time);
      labels.forEach((labels, i) => {
        const [group, bound] = split(labels);
        if (!groups.has(group)) groups.set(group, []);
        groups.get(group).push([bound, values[i]]);
      });
      const found = [...groups].map(([labels, buckets]) => [labels, quantileOf(wanted(time), buckets)]);
      const known = found.filter(([, value]) => !Number.isNaN(value));
      return { labels: known.map(([labels]) => labels), values: known.map(([, value]) => value) };
    };
    node.size = operand.size;
    return node;
  },
  label_replace: ([argument, ...texts], context) => {
    const [label, replacement, source, pattern] = texts.map(([, text]) => filled(text, { ...context.variables, 1: undefined }));
    const [regex, intern] = [whole(pattern), interned()];
    return relabelled(argument, context, (labels) => {
      const found = regex.exec(labels[source] ?? '');
      if (!found) return labels;
      const value = replacement.replace(/\$(?:\{(\d+)\}|(\d+))/g, (_, braced, plain) => found[braced ?? plain] ?? '');
      return intern(Object.entries({ ...labels, [label]: value }).sort());
    });
  },
  label_join: ([argument, ...texts], context) => {
    const [[label, separator, ...sources], intern] = [texts.map(([, text]) => text), interned()];
    const value = (labels) => sources.map((source) => labels[source] ?? '').join(separator);
    return relabelled(argument, context, (labels) => intern(Object.entries({ ...labels, [label]: value(labels) }).sort()));
  },
};

function relabelled(argument, context, change) {
  const operand = compiled(argument, context);
  const changed = remembered(change);
  const node = (time, mode) => {
    const { labels, values } = operand(time, mode);
    return { labels: labels.map(changed), values };
  };
  node.size = operand.size;
  return node;
}

function aggregate(operator, group, number, operand) {
  const node = (time, mode) => {
    const { labels, values } = operand(time, mode);
    const groups = new Map();
    if (operator === 'topk') {
      labels.forEach((labels, i) => {
        const key = group(labels);
        if (!groups.has(key)) groups.set(key, []);
        groups.get(key).push(i);
      });
      const places = [...groups.values()].flatMap((places) => places.sort((a, b) => values[b] - values[a]).slice(0, number));
      return { labels: places.map((place) => labels[place]), values: places.map((place) => values[place]) };
    }
    const { start, add } = AGGREGATIONS[operator];
    labels.forEach((labels, i) => {
      const key = group(labels);
      groups.set(key, add(groups.get(key) ?? start, values[i]));
    });
    return { labels: [...groups.keys()], values: [...groups.values()] };
  };
  node.size = operand.size;
  return node;
}

// The key by which the sides of an operation match: the labels in `on (..)`, or all but those in `ignoring (..)`.
function matching(modifier) {
  const list = (text) => text.split(',').map((label) => label.trim()).filter(Boolean);
  const on = /\bon \(([^)]*)\)/.exec(modifier);
  const ignoring = /\bignoring \(([^)]*)\)/.exec(modifier);
  return remembered((labels) => JSON.stringify(on ? picked(labels, list(on[1])) : others(labels, ignoring ? list(ignoring[1]) : [])));
}

function binary(operator, left, right, modifier) {
  const key = matching(modifier);
  const isVector = (value) => typeof value !== 'number';
  const compute = ARITHMETIC[operator];
  const holds = COMPARISONS[operator];
  // A comparison keeps the value of the left side.
  const value = compute ?? ((a, b) => (holds(a, b) ? a : NaN));
  const each = ({ labels, values }, of) => {
    const result = { labels: [], values: [] };
    values.forEach((one, i) => {
      const found = of(one, labels[i]);
      if (found === undefined || (holds && Number.isNaN(found))) return;
      result.labels.push(labels[i]);
      result.values.push(found);
    });
    return result;
  };
  const node = (time, mode) => {
    const [a, b] = [left(time, mode), right(time, mode)];
    if (!isVector(a) && !isVector(b)) return holds ? Number(holds(a, b)) : compute(a, b);
    if (!isVector(b)) return each(a, (one) => value(one, b));
    if (!isVector(a)) return each(b, (one) => (holds ? (holds(a, one) ? one : NaN) : compute(a, one)));
    const places = new Map(b.labels.map((labels, i) => [key(labels), i]));
    if (operator === 'or') {
      const taken = new Set(a.labels.map(key));
      const more = each(b, (one, labels) => (taken.has(key(labels)) ? undefined : one));
      return { labels: [...a.labels, ...more.labels], values: [...a.values, ...more.values] };
    }
    if (operator in SETS) return each(a, (one, labels) => (SETS[operator](places.has(key(labels))) ? one : undefined));
    return each(a, (one, labels) => {
      const place = places.get(key(labels));
      return place === undefined ? undefined : value(one, b.values[place]);
    });
  };
  node.size = () => (left.size?.() ?? 0) + (right.size?.() ?? 0);
  return node;
}

// Returns a function of a time that evaluates a query. `context` has the store, the variables, and the length of windows.
export function compiled(expr, context) {
  if (typeof expr === 'number') return () => expr;
  const [kind, ...parts] = expr;
  switch (kind) {
    case 'number': {
      const value = { '+Inf': Infinity, '-Inf': -Infinity }[parts[0]] ?? NaN;
      return () => value;
    }
    case 'series': return series(expr, context);
    case 'call': {
      const [name, ...args] = parts;
      if (!FUNCTIONS[name]) throw new Error(`the page does not know the function ${name}`);
      return FUNCTIONS[name](args, context);
    }
    case 'aggregate': case 'without': {
      const [operator, labels] = parts;
      if (!(operator in AGGREGATIONS)) throw new Error(`the page does not know the aggregation ${operator}`);
      const intern = interned();
      const group = remembered((all) => intern(kind === 'aggregate' ? picked(all, labels) : others(all, labels)));
      return aggregate(operator, group, kind === 'aggregate' ? parts[2] : null, compiled(parts.at(-1), context));
    }
    case 'binary': {
      const [operator, left, right, modifier] = parts;
      if (![ARITHMETIC, COMPARISONS, SETS].some((known) => operator in known)) throw new Error(`the page does not know the operator ${operator}`);
      return binary(operator, compiled(left, context), compiled(right, context), modifier);
    }
    default: throw new Error(`the page does not know queries with ${kind}`);
  }
}
