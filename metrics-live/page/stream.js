// The stream of events, with the token that was typed into the page.

const TOKEN = 'metrics-live-token';

// The longest pause before another attempt, in milliseconds.
const MAX_PAUSE = 5000;

export class Stream {
  // `on` has `event`, `status` and `unauthorized`.
  constructor(base, on) {
    Object.assign(this, { base, on, interval: 1, attempt: 0, controller: null });
  }

  // The token stays in the memory of the tab until it is closed.
  get token() {
    return sessionStorage.getItem(TOKEN);
  }

  set token(token) {
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  }

  fetch(path, options = {}) {
    const headers = this.token ? { authorization: `Bearer ${this.token}` } : {};
    return fetch(`${this.base}/${path}`, { headers, cache: 'no-store', ...options });
  }

  async json(path) {
    const response = await this.fetch(path);
    if (response.status === 401) {
      this.on.unauthorized();
      return null;
    }
    if (!response.ok) throw new Error((await response.text()).trim());
    return response.json();
  }

  // Starts again, for example with another interval.
  restart() {
    this.attempt += 1;
    this.controller?.abort();
    this.run(this.attempt);
  }

  async run(attempt) {
    let pause = 250;
    while (attempt === this.attempt) {
      this.controller = new AbortController();
      try {
        const response = await this.fetch(`events?interval=${this.interval}`, { signal: this.controller.signal });
        if (response.status === 401) {
          this.on.unauthorized();
          return;
        }
        if (!response.ok) throw new Error((await response.text()).trim());
        this.on.opened();
        await this.read(response.body, () => {
          pause = 250;
        });
        throw new Error('the service has closed the stream');
      } catch (error) {
        if (attempt !== this.attempt) return;
        clearTimeout(this.watchdog);
        this.on.status('waiting', error.name === 'AbortError' ? 'the service does not answer' : error.message);
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, MAX_PAUSE);
      }
    }
  }

  async read(body, isAlive) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      this.watch();
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        this.on.event(JSON.parse(event.slice('data: '.length)));
        isAlive();
      }
    }
  }

  // A connection over which nothing comes is dead.
  watch() {
    clearTimeout(this.watchdog);
    const { controller } = this;
    this.watchdog = setTimeout(() => controller.abort(), this.interval * 3000 + 5000);
  }
}
