// Numbers with units, as Grafana names them.

const THOUSANDS = [[1e-9, 'G'], [1e-6, 'M'], [1e-3, 'k'], [1, '']];
const BYTES = [[2 ** -60, 'EiB'], [2 ** -50, 'PiB'], [2 ** -40, 'TiB'], [2 ** -30, 'GiB'], [2 ** -20, 'MiB'], [2 ** -10, 'KiB'], [1, 'B']];
const TIMES = [[1 / 86400, 'd'], [1 / 3600, 'h'], [1 / 60, 'min'], [1, 's'], [1e3, 'ms'], [1e6, 'µs'], [1e9, 'ns']];
const SUFFIXES = { reqps: 'req/s', cps: '/s', celsius: '°C', volt: 'V', amp: 'A', joule: 'J', massg: 'g', lengthm: 'm' };

// Returns the factor and the suffix for numbers up to `most`.
export function scale(unit, most) {
  const step = (list, suffix) => {
    const [factor, prefix] = list.find(([factor]) => most * factor >= 0.9995) ?? (most === 0 ? list.find(([factor]) => factor === 1) : list.at(-1));
    return { factor, suffix: `${prefix}${suffix}` };
  };
  switch (unit) {
    case 'percentunit': return { factor: 100, suffix: '%' };
    case 's': return step(TIMES, '');
    case 'bytes': return step(BYTES, '');
    case 'Bps': return step(BYTES, '/s');
    case 'short': case 'none': return step(most < 1e4 ? [[1, '']] : THOUSANDS, '');
    default: return step(most < 1e4 ? [[1, '']] : THOUSANDS, ` ${SUFFIXES[unit] ?? unit}`.trimEnd());
  }
}

// Formats with three significant digits.
export function digits(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toString();
  if (size < 1e-4) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

export function shown(value, unit, most = Math.abs(value)) {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  const { factor, suffix } = scale(unit, most);
  const isWord = /^[A-Za-zµ]/.test(suffix);
  return `${digits(value * factor)}${isWord ? ' ' : ''}${suffix}`;
}

export function clock(time, withSeconds = true) {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', ...(withSeconds && { second: '2-digit' }), hour12: false });
}
