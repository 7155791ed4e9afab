/**
 * The script of a hostile page, in a browser: tries to read and to change something at `target` in every way that a page
 * has, and resolves to what it gained. Responses that it cannot see are recorded by the test.
 */
// biome-ignore lint/correctness/noUnusedVariables: called by the test
async function attack({ target, pages, snoozes, events }) {
  const gained = [];
  const within = (ms, work) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      work((what) => {
        if (what !== undefined) gained.push(what);
        clearTimeout(timer);
        resolve();
      });
    });
  const body = JSON.stringify({ service: 'web', for_seconds: 3600 });
  const json = { 'Content-Type': 'application/json' };
  const tries = [];
  for (const path of pages) {
    for (const credentials of ['omit', 'include']) {
      tries.push(
        fetch(target + path, { credentials }).then(
          async (response) => gained.push(`read ${path}: ${(await response.text()).slice(0, 40)}`),
          () => {},
        ),
      );
    }
    tries.push(fetch(target + path, { mode: 'no-cors', credentials: 'include' }).catch(() => {}));
    for (const [tag, address] of [
      ['script', 'src'],
      ['img', 'src'],
      ['link', 'href'],
    ]) {
      tries.push(
        within(3_000, (done) => {
          const element = document.createElement(tag);
          if (tag === 'link') element.rel = 'stylesheet';
          element.onload = () => done(`loaded ${path} as ${tag}`);
          element.onerror = () => done();
          element[address] = target + path;
          document.head.append(element);
        }),
      );
    }
    tries.push(
      within(3_000, (done) => {
        const frame = document.createElement('iframe');
        frame.onload = () => done(frame.contentDocument === null ? undefined : `read ${path} in a frame`);
        frame.src = target + path;
        document.body.append(frame);
      }),
    );
  }
  for (const options of [
    { headers: json, credentials: 'include' },
    { headers: { ...json, 'X-CSRF-Token': 'x', Authorization: 'Bearer x' } },
    { mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, credentials: 'include' },
  ]) {
    tries.push(
      fetch(target + snoozes, { method: 'POST', body, ...options }).then(
        ({ type }) => type !== 'opaque' && gained.push('posted'),
        () => {},
      ),
    );
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    tries.push(
      within(3_000, (done) => {
        const frame = document.createElement('iframe');
        frame.name = `frame-${type}`;
        const form = document.createElement('form');
        Object.assign(form, { method: 'POST', action: target + snoozes, enctype: type, target: frame.name });
        const field = document.createElement('input');
        Object.assign(field, { name: `{"service":"web","for_seconds":3600,"x":"`, value: '"}' });
        form.append(field);
        document.body.append(frame, form);
        form.submit();
        frame.onload = () => done();
      }),
    );
  }
  navigator.sendBeacon(target + snoozes, body);
  tries.push(
    within(3_000, (done) => {
      const source = new EventSource(target + events, { withCredentials: true });
      source.onopen = source.onmessage = () => done('opened the events');
      source.onerror = () => {
        source.close();
        done();
      };
    }),
    within(3_000, (done) => {
      const socket = new WebSocket(target.replace('http', 'ws') + events);
      socket.onopen = () => done('opened a WebSocket');
      socket.onerror = () => done();
    }),
  );
  await Promise.all(tries);
  return gained;
}
