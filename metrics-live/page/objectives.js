// Objectives, with what is left of their error budgets since the page was opened.

import { element } from './dom.js';
import { compiled } from './promql.js';
import { digits } from './units.js';

export class Objectives {
  constructor(objectives, app) {
    this.app = app;
    const context = { store: app.store, variables: app.model.variables, window: () => Infinity };
    this.entries = objectives.map((objective) => {
      const [bar, left, text] = [element('i'), element('b', { class: 'left' }), element('p', { class: 'counts' })];
      const meter = element('div', { class: 'meter', role: 'meter', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-label': `error budget of ${objective.id}` }, bar);
      const title = element('h3', { text: capital(objective.about) });
      const promise = element('p', { text: `At most ${digits(100 - objective.percent)} % may ${objective.fault}` });
      const root = element('article', { class: 'panel objective', tabindex: '0' }, element('header', {}, title), element('div', { class: 'body' }, promise, element('div', { class: 'budget' }, meter, left), text));
      return { objective, root, bar, left, text, meter, total: compiled(objective.total, context), bad: compiled(objective.bad, context) };
    });
  }

  draw() {
    const { store } = this.app;
    for (const { objective, bar, left, text, meter, total, bad } of this.entries) {
      const [all, failed] = [total, bad].map((evaluate) => Math.max(0, evaluate(store.now).values?.[0] ?? 0));
      const allowed = 1 - objective.percent / 100;
      const share = all > 0 ? 1 - failed / all / allowed : NaN;
      const isSpent = share < 0;
      const percent = Number.isNaN(share) ? null : Math.max(0, share * 100);
      bar.style.width = `${percent ?? 100}%`;
      meter.className = `meter ${percent === null ? 'none' : isSpent ? 'spent' : percent < 25 ? 'low' : ''}`;
      meter.setAttribute('aria-valuenow', String(Math.round(percent ?? 100)));
      left.textContent = percent === null ? 'no calls yet' : isSpent ? `■ spent ${digits(failed / all / allowed)} ×` : `${percent < 25 ? '▲ ' : ''}${digits(percent)} % left`;
      const minutes = Math.max(1, Math.round((store.now - store.opened) / 60e3));
      text.textContent = `${Math.round(failed)} bad of ${Math.round(all)} in ${minutes} min`;
    }
  }
}

export function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
