// Elements and colors.

// Creates an element. `attributes` may have `text`, `on` with listeners, and any attribute.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') made.textContent = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

export function drawing(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Dashes tell lines apart without their colors.
const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [14, 4]];

const PALETTES = {
  dark: ['#6cb6ff', '#ffb454', '#6fdca8', '#ff8fa3', '#c4a5ff', '#f2dc6b', '#5fd3e0', '#ff9de2', '#b9c97a', '#a3b3c9'],
  light: ['#1a66c9', '#b85b00', '#0a8354', '#c22547', '#6d40bd', '#7d6e00', '#0a7c8b', '#a92d86', '#586a1c', '#4d5c73'],
};
const NAMED = {
  dark: { green: '#5fce8b', yellow: '#f5cb4d', red: '#ff7383', blue: '#6cb6ff', purple: '#c4a5ff' },
  light: { green: '#157f45', yellow: '#9a6700', red: '#c62a3e', blue: '#1a66c9', purple: '#6d40bd' },
};

export function theme() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
}

export function colorOf(index, named) {
  return NAMED[theme()][named] ?? PALETTES[theme()][index % PALETTES.dark.length];
}

export function dashOf(index) {
  return DASHES[index % DASHES.length];
}

export function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A color with an opacity from 0 to 1.
export function faded(color, opacity) {
  return color + Math.round(opacity * 255).toString(16).padStart(2, '0');
}
