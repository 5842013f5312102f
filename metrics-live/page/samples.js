// The samples of the last 15 minutes. A series keeps its changes only, in typed arrays.

export const KEPT = 15 * 60e3;

// Numbers with their times, in ascending order.
export class Track {
  constructor() {
    this.times = new Float64Array(4);
    this.values = new Float64Array(4);
    this.start = 0;
    this.end = 0;
  }

  get length() {
    return this.end - this.start;
  }

  push(time, value) {
    if (this.end === this.times.length) this.makeRoom();
    this.times[this.end] = time;
    this.values[this.end] = value;
    this.end += 1;
  }

  makeRoom() {
    const { length } = this;
    for (const key of ['times', 'values']) {
      // Twice the room, if little is left to forget.
      const made = length > this[key].length * 0.95 ? new Float64Array(this[key].length * 2) : this[key];
      made.set(this[key].subarray(this.start, this.end));
      this[key] = made;
    }
    this.end -= this.start;
    this.start = 0;
  }

  // Forgets all entries before this time, except the last of them, which is still the value.
  forget(time) {
    while (this.end - this.start > 1 && this.times[this.start + 1] <= time) this.start += 1;
  }

  // The place of the last entry at or before this time, or -1.
  place(time) {
    let [low, high] = [this.start, this.end];
    if (high > low && this.times[high - 1] <= time) return high - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low > this.start ? low - 1 : -1;
  }

  at(time) {
    const place = this.place(time);
    return place < 0 ? NaN : this.values[place];
  }

  copy() {
    const made = new Track();
    for (let i = this.start; i < this.end; i += 1) made.push(this.times[i], this.values[i]);
    return made;
  }
}

// A series. A counter is kept as the sum over all restarts, so that no rate sees one.
class Series {
  constructor(name, labels, counts, born, isFirst) {
    this.labels = Object.freeze({ __name__: name, ...labels });
    this.counts = counts;
    this.born = born;
    this.track = new Track();
    this.raw = 0;
    this.offset = 0;
    this.resets = [];
    this.absences = [];
    this.base = isFirst ? NaN : 0;
  }

  set(time, value, epoch) {
    const wasGone = this.absences.length > 0 && this.absences.at(-1)[1] === Infinity;
    if (wasGone) this.absences.at(-1)[1] = time;
    if (this.counts && this.track.length > 0 && (value < this.raw || (wasGone && this.isRemoved) || this.epoch !== epoch)) {
      this.offset += this.raw;
      if (this.offset > 0) this.resets.push([time, this.offset]);
    }
    this.epoch = epoch;
    this.raw = value;
    this.track.push(time, value + this.offset);
    if (Number.isNaN(this.base)) this.base = value;
  }

  // A series that is removed starts from zero if it comes back. One whose source does not answer goes on.
  leave(time, isRemoved) {
    if (this.isGone) return;
    this.absences.push([time, Infinity]);
    this.isRemoved = isRemoved;
  }

  get isGone() {
    return this.absences.at(-1)?.[1] === Infinity;
  }

  absence(time) {
    return this.absences.find(([from, to]) => from <= time && time < to);
  }

  // Forgets what is before this time, except what still holds.
  forget(time) {
    this.track.forget(time);
    while (this.resets.length > 1 && this.resets[1][0] <= time) this.resets.shift();
    while (this.absences.length > 0 && this.absences[0][1] <= time) this.absences.shift();
  }

  // The value as the process told it.
  at(time) {
    if (this.absence(time)) return NaN;
    const value = this.track.at(time);
    if (this.resets.length === 0) return value;
    const reset = this.resets.findLast(([when]) => when <= time);
    return reset ? value - reset[1] : value;
  }

  // The sum over all restarts.
  total(time) {
    if (this.absence(time)) return NaN;
    return this.track.at(time);
  }

  // The sum at the start of a window: a counter that the page saw come to life was zero before. What a counter counted
  // while its source did not answer has no time.
  before(time, opened) {
    if (time <= opened || this.born > time) return this.base;
    const absence = this.isRemoved === false ? this.absence(time) : undefined;
    return this.track.at(absence ? absence[1] : time);
  }
}

// Parses labels in the notation of the text formats.
function parsed(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([A-Za-z_][\w]*)="((?:[^"\\]|\\.)*)"/gs)) {
    labels[name] = value.replace(/\\(.)/gs, (_, sign) => (sign === 'n' ? '\n' : sign));
  }
  return labels;
}

function keyOf(name, labels) {
  return `${name}\n${Object.entries(labels).sort().join('\n')}`;
}

export function boundText(bound) {
  return bound === Infinity ? '+Inf' : String(bound);
}

export class Store {
  constructor() {
    this.byName = new Map();
    this.known = new Map();
    // The times of all samples.
    this.ticks = new Track();
    this.opened = NaN;
    this.now = NaN;
    // A number that changes when there are other series.
    this.generation = 0;
    this.epoch = 0;
    this.boot = null;
    this.restarts = [];
    this.numbers = [];
    this.families = [];
    this.took = 0;
    // The reasons why series are missing in the last sample.
    this.missing = [];
  }

  // The next event has all series again, with other numbers.
  reconnected() {
    this.numbers = [];
    this.families = [];
    this.isSnapshot = true;
  }

  series(name, labels, counts) {
    const key = keyOf(name, labels);
    return this.known.get(key) ?? this.add(key, name, new Series(name, labels, counts, this.now, this.now === this.opened || this.wasIncomplete));
  }

  // Gives the values of a series another name.
  alias(name, labels, of) {
    const key = keyOf(name, labels);
    if (this.known.has(key)) return;
    this.add(key, name, Object.create(of, { labels: { value: Object.freeze({ __name__: name, ...labels }) }, isAlias: { value: true } }));
  }

  add(key, name, series) {
    this.known.set(key, series);
    if (!this.byName.has(name)) this.byName.set(name, []);
    this.byName.get(name).push(series);
    this.generation += 1;
    return series;
  }

  // Takes an event of the server.
  take(event) {
    // A clock that goes back must not make time go back.
    this.now = Number.isNaN(this.now) ? event.now : Math.max(event.now, this.now + 1);
    if (Number.isNaN(this.opened)) this.opened = this.now;
    this.took = event.took;
    if (this.boot !== null && this.boot !== event.boot) {
      this.epoch += 1;
      this.restarts.push(this.now);
    }
    this.boot = event.boot;
    // A series that appears after a sample that lacked some may be older.
    this.wasIncomplete = this.missing.length > 0;
    this.missing = event.missing ?? [];
    const isRemoved = this.missing.length === 0;
    this.ticks.push(this.now, this.now);
    const seen = this.isSnapshot ? new Set() : null;
    for (const [number, name, kind, keys] of event.families ?? []) this.families[number] = { name, kind, keys };
    for (const [number, family, labels, keys] of event.series ?? []) {
      this.numbers[number] = this.parts(this.families[family], parsed(labels), (keys ?? this.families[family].keys).map(Number));
    }
    const set = (series, value) => {
      series.set(this.now, Number(value), this.epoch);
      seen?.add(series);
    };
    const values = event.values ?? [];
    for (let i = 0; i < values.length; i += 2) set(this.numbers[values[i]][0], values[i + 1]);
    for (const [number, ...values] of event.lists ?? []) {
      this.numbers[number].forEach((series, i) => {
        if (values[i] !== series.raw || series.track.length === 0 || seen || series.isGone) set(series, values[i]);
      });
    }
    for (const number of event.gone ?? []) {
      for (const series of this.numbers[number] ?? []) series.leave(this.now, isRemoved);
      this.numbers[number] = undefined;
    }
    if (seen) {
      for (const series of this.known.values()) if (!seen.has(series) && !series.isAlias) series.leave(this.now, isRemoved);
      this.isSnapshot = false;
    }
    this.forget(this.now - KEPT);
  }

  // The series of the values of one series of the server, in their order.
  parts({ name, kind }, labels, keys) {
    if (kind === 'histogram') {
      const bounds = [...keys, Infinity];
      const bucket = (bound) => this.series(`${name}_bucket`, { ...labels, le: boundText(bound) }, true);
      const isNew = (bound) => !this.known.has(keyOf(`${name}_bucket`, { ...labels, le: boundText(bound) }));
      const buckets = bounds.map((bound, i) => {
        if (!isNew(bound)) return bucket(bound);
        const lower = i > 0 ? bucket(bounds[i - 1]) : null;
        const made = bucket(bound);
        // A bucket within another one had the count of the one below it.
        if (lower && lower.track.length > 0 && this.now !== this.opened) {
          Object.assign(made, { track: lower.track.copy(), raw: lower.raw, offset: lower.offset, base: lower.base, born: lower.born, epoch: lower.epoch });
        }
        return made;
      });
      // The count is that of the last bucket.
      this.alias(`${name}_count`, labels, buckets.at(-1));
      return [this.series(`${name}_sum`, labels, true), ...buckets];
    }
    if (kind === 'summary') {
      const quantiles = keys.map((quantile) => this.series(name, { ...labels, quantile: String(quantile) }, false));
      return [this.series(`${name}_sum`, labels, true), this.series(`${name}_count`, labels, true), ...quantiles];
    }
    return [this.series(name, labels, kind === 'counter')];
  }

  forget(time) {
    this.ticks.forget(time);
    if ((this.forgotten ?? 0) > time - 10e3) return;
    this.forgotten = time;
    for (const [key, series] of this.known) {
      series.forget(time);
      // No panel shows a series that left long ago.
      if (series.isGone && series.absences.at(-1)[0] < time) {
        this.known.delete(key);
        const name = series.labels.__name__;
        this.byName.set(name, this.byName.get(name).filter((other) => other !== series));
        this.generation += 1;
      }
    }
    this.restarts = this.restarts.filter((when) => when >= time);
  }

  // The last sample at or before this time.
  tickBefore(time) {
    return this.ticks.at(time);
  }

  // The sample that is nearest to the start of a window.
  startOf(end, window) {
    const time = end - window;
    if (time <= this.opened) return this.opened;
    const place = this.ticks.place(time);
    const [before, after] = [place, place + 1].map((place) => this.ticks.times[place]);
    return place < 0 || after - time < time - before ? after : before;
  }

  // The times of samples within these bounds, the first one excluded.
  within(from, to) {
    const [start, end] = [this.ticks.place(from) + 1, this.ticks.place(to) + 1];
    return this.ticks.times.subarray(Math.max(start, this.ticks.start), Math.max(end, this.ticks.start));
  }

  // The number of series of each metric, and of its samples.
  counts(name) {
    let count = 0;
    for (const suffix of ['', '_bucket', '_sum', '_count']) {
      for (const series of this.byName.get(name + suffix) ?? []) if (!series.isGone) count += 1;
    }
    return count;
  }
}
