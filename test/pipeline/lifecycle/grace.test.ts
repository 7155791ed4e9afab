import { describe, expect, it } from 'vitest';
import { aContainer, aSignal } from '../../support/domain.ts';
import { aLifecycle, at, listed } from './support.ts';

describe('the grace period after a start', () => {
  const started = (graceMs = 30_000) => {
    const lifecycle = aLifecycle({ graceMs });
    lifecycle.observe(at(10_000, { kind: 'start' }));
    return lifecycle;
  };
  const down = listed(aContainer(), 'exited');

  it('holds back the signals in it', () => {
    const lifecycle = started();
    expect(lifecycle.suppresses(aSignal({ at: 9_999 }))).toBeUndefined();
    expect(lifecycle.suppresses(aSignal({ at: 10_000 }))).toBe('grace');
    expect(lifecycle.suppresses(aSignal({ at: 39_999 }))).toBe('grace');
    expect(lifecycle.suppresses(aSignal({ at: 40_000 }))).toBeUndefined();
  });

  it('does not exist if the policy sets none, or if the start was not seen', () => {
    expect(started(0).suppresses(aSignal({ at: 10_000 }))).toBeUndefined();
    expect(aLifecycle({ graceMs: 30_000 }).suppresses(aSignal({ at: 10_000 }))).toBeUndefined();
  });

  it('does not hide a crash loop', () => {
    expect(started().suppresses(aSignal({ detector: 'crash_loop', at: 11_000 }))).toBeUndefined();
  });

  it('does not hide a crash for good: it is reported at the end, once, if the container is still down', () => {
    const lifecycle = started();
    const crash = aSignal({ detector: 'crash', at: 11_000 });
    expect(lifecycle.suppresses(crash)).toBe('grace');
    expect(lifecycle.due([down], 39_999)).toEqual([]);
    expect(lifecycle.due([down], 40_000)).toEqual([crash]);
    expect(lifecycle.due([down], 50_000)).toEqual([]);
  });

  it('is not over at the moment of the start', () => {
    const lifecycle = started();
    lifecycle.suppresses(aSignal({ detector: 'crash', at: 10_000 }));
    expect(lifecycle.due([down], 10_000)).toEqual([]);
  });

  it('does not hide a crash of a container that the engine cannot remove', () => {
    const lifecycle = started();
    lifecycle.suppresses(aSignal({ detector: 'crash', at: 11_000 }));
    expect(lifecycle.due([listed(aContainer(), 'dead')], 40_000)).toHaveLength(1);
  });

  it('hides an error in the log for good', () => {
    const lifecycle = started();
    expect(lifecycle.suppresses(aSignal({ detector: 'log', at: 11_000 }))).toBe('grace');
    expect(lifecycle.due([down], 40_000)).toEqual([]);
  });

  it('hides a crash after which the container was started again', () => {
    const lifecycle = started();
    lifecycle.suppresses(aSignal({ detector: 'crash', at: 11_000 }));
    lifecycle.observe(at(12_000, { kind: 'start' }));
    expect(lifecycle.due([listed()], 42_000)).toEqual([]);
    expect(lifecycle.due([down], 60_000)).toEqual([]);
  });
});
