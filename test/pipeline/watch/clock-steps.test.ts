/** The host's clock steps forward and back. The agent uses it, and the engine takes the timestamps of lines and events from it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer } from '../../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine, type SimulatedEngine } from '../../../src/demo/simulated-engine.ts';
import { eventually } from '../../support/eventually.ts';
import { createJumpingClock, type JumpingClock } from '../../support/jumping-clock.ts';
import { createMemoryCursors, createWatching, type Watching } from '../../support/watching.ts';

const HOUR = 3_600_000;

let folder: string;
let clock: JumpingClock;
let engine: SimulatedEngine;
let dockerHost: string;
let running: Watching[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cd-clock-'));
  clock = createJumpingClock();
  engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock });
  dockerHost = await engine.listen();
});

afterEach(async () => {
  await Promise.all(running.map(({ watch }) => watch.stop()));
  running = [];
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function watching(options: Parameters<typeof createWatching>[1] = {}): Promise<Watching> {
  const created = createWatching(dockerHost, { clock, reconcileEveryMs: 50, ...options });
  running.push(created);
  await created.watch.start();
  return created;
}

/** Prints numbered lines on both streams. The numbers continue over calls. */
function printer(container: SimulatedContainer) {
  const printed: string[] = [];
  return {
    printed,
    print(count: number) {
      for (let n = 0; n < count; n++) {
        const text = `line ${printed.length}`;
        container.log(text, { stream: printed.length % 3 === 0 ? 'stderr' : 'stdout' });
        printed.push(text);
      }
    },
  };
}

const awaitTexts = (w: Watching, name: string, texts: readonly string[]) =>
  eventually(() => {
    expect(w.texts(name)).toEqual(texts);
    return true;
  });

const STEPS: readonly (readonly [string, number])[] = [
  ['forward an hour', HOUR],
  ['back an hour', -HOUR],
  ['back two seconds', -2_000],
  ['back a fifth of a second', -200],
];

describe.each(STEPS)('when the clock steps %s', (_, step) => {
  it('each line is delivered once and in order', async () => {
    const web = engine.addContainer({ name: 'web' });
    const { print, printed } = printer(web);
    const w = await watching();
    print(50);
    await awaitTexts(w, 'web', printed);
    clock.jump(step);
    print(50);
    await awaitTexts(w, 'web', printed);
  });

  it('each line is delivered once although connections are lost before and after the step', async () => {
    const web = engine.addContainer({ name: 'web' });
    const quiet = engine.addContainer({ name: 'quiet' });
    const { print, printed } = printer(web);
    const w = await watching();
    quiet.log('before');
    print(50);
    await awaitTexts(w, 'web', printed);
    engine.faults.dropConnections();
    print(10);
    clock.jump(step);
    for (let turn = 0; turn < 3; turn++) {
      print(10);
      engine.faults.dropConnections();
      print(10);
      await awaitTexts(w, 'web', printed);
    }
    quiet.log('after');
    await awaitTexts(w, 'quiet', ['before', 'after']);
  });

  it('each event is delivered once although connections are lost before and after the step', async () => {
    const web = engine.addContainer({ name: 'web' });
    const w = await watching();
    const expected = ['create', 'start'];
    const awaitKinds = () =>
      eventually(() => {
        expect(w.kinds('web')).toEqual(expected);
        return true;
      });
    await awaitKinds();
    engine.faults.dropConnections();
    clock.jump(step);
    for (let turn = 0; turn < 3; turn++) {
      web.exit(1);
      web.start();
      expected.push('die', 'start');
      await awaitKinds();
      engine.faults.dropConnections();
      web.exit(1);
      web.start();
      expected.push('die', 'start');
      await awaitKinds();
    }
  });

  it('a run of the agent continues where the run before it stopped', async () => {
    const cursors = createMemoryCursors();
    const web = engine.addContainer({ name: 'web' });
    const { print, printed } = printer(web);
    const first = await watching({ cursors });
    print(20);
    await awaitTexts(first, 'web', printed);
    await first.watch.stop();
    print(10);
    clock.jump(step);
    print(10);
    const second = await watching({ cursors });
    await awaitTexts(second, 'web', printed.slice(20));
    print(10);
    await second.watch.stop();
    const third = await watching({ cursors });
    const seen = [...first.texts('web'), ...second.texts('web')];
    await eventually(() => {
      expect([...seen, ...third.texts('web')]).toEqual(printed);
      return true;
    });
  });
});

it('a log stream that was silent when the clock stepped back is reopened, and each line is delivered once', async () => {
  const web = engine.addContainer({ name: 'web' });
  const w = await watching();
  web.log('one');
  await awaitTexts(w, 'web', ['one']);
  // The engine filters an open stream by the requested `since` for as long as the stream is open.
  engine.faults.dropConnections();
  await eventually(() => (w.watch.status().connected && engine.count('logs') >= 2 ? true : undefined));
  clock.jump(-HOUR);
  web.log('two');
  web.log('three');
  await awaitTexts(w, 'web', ['one', 'two', 'three']);
  web.log('four');
  await awaitTexts(w, 'web', ['one', 'two', 'three', 'four']);
});

it('each line is delivered once over many small NTP steps and lost connections', async () => {
  const web = engine.addContainer({ name: 'web' });
  const { print, printed } = printer(web);
  const w = await watching();
  for (const step of [-3_000, 500, -20, 2_500, -130, -1_000, 40, -700]) {
    print(7);
    clock.jump(step);
    print(7);
    engine.faults.dropConnections();
    print(7);
    await awaitTexts(w, 'web', printed);
  }
});
