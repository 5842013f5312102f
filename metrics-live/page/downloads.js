// Downloads of what is on screen.

import { variable } from './dom.js';
import { clock } from './units.js';

function save(name, blob) {
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
}

function stamp(app) {
  return `${app.model.service}-${new Date(app.view.range()[1]).toISOString().slice(0, 19).replace(/[:T]/g, '-')}`;
}

// One line for each value, with the time, the row, the panel, the series and the unit.
export function csv(panels) {
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const lines = ['time,panel,series,unit,value'];
  for (const panel of panels) {
    for (const { query, name, times, values } of panel.series()) {
      const unit = panel.columns ? panel.columns[query].unit : panel.unit;
      const series = panel.columns ? `${name} ${panel.columns[query].title}` : name;
      for (let i = 0; i < values.length; i += 1) {
        if (Number.isNaN(values[i])) continue;
        lines.push([new Date(times[i]).toISOString(), quoted(panel.title), quoted(series), unit, String(values[i])].join(','));
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

export function saveCsv(app) {
  save(`${stamp(app)}.csv`, new Blob([csv(app.seen())], { type: 'text/csv' }));
}

// Draws the panels that can be seen, as they are on screen.
export function picture(app) {
  const panels = app.seen();
  const boxes = panels.map((panel) => panel.root.getBoundingClientRect());
  const [left, top] = ['left', 'top'].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = ['right', 'bottom'].map((side) => Math.max(...boxes.map((box) => box[side])));
  const ratio = devicePixelRatio;
  const canvas = Object.assign(document.createElement('canvas'), { width: (right - left + 32) * ratio, height: (bottom - top + 64) * ratio });
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  ctx.fillStyle = variable('--page');
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = variable('--text');
  ctx.font = '600 14px system-ui, sans-serif';
  const [from, to] = app.view.range();
  ctx.fillText(`${app.model.service}   ${new Date(to).toLocaleDateString()} ${clock(from)} to ${clock(to)}`, 16, 26);
  ctx.translate(16 - left, 44 - top);
  for (const [i, panel] of panels.entries()) {
    const box = boxes[i];
    ctx.fillStyle = variable('--panel');
    ctx.fillRect(box.left, box.top, box.width, box.height);
    const walker = document.createTreeWalker(panel.root, NodeFilter.SHOW_TEXT);
    for (const canvas of panel.root.querySelectorAll('canvas')) {
      const place = canvas.getBoundingClientRect();
      if (canvas.width > 0 && place.width > 0) ctx.drawImage(canvas, place.left, place.top, place.width, place.height);
    }
    for (const line of panel.root.querySelectorAll('.legend line')) {
      const place = line.ownerSVGElement.getBoundingClientRect();
      ctx.strokeStyle = line.getAttribute('stroke');
      ctx.lineWidth = 2.5;
      ctx.setLineDash(line.getAttribute('stroke-dasharray').split(' ').map(Number).filter(Boolean));
      ctx.beginPath();
      ctx.moveTo(place.left, place.top + place.height / 2);
      ctx.lineTo(place.right, place.top + place.height / 2);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const place = range.getBoundingClientRect();
      if (place.width === 0 || place.bottom > box.bottom || node.parentElement.closest('.focus')) continue;
      const style = getComputedStyle(node.parentElement);
      ctx.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      ctx.fillStyle = style.color;
      ctx.textBaseline = 'middle';
      ctx.fillText(node.textContent, place.left, place.top + place.height / 2, place.width);
    }
  }
  return canvas;
}

export function savePicture(app) {
  picture(app).toBlob((blob) => save(`${stamp(app)}.png`, blob));
}
