import { describe, expect, it } from 'vitest';
import { isUndecided, touchedBy } from '../../../src/web/lib/data.ts';

const ALL = [
  '/status',
  '/incidents?limit=50',
  '/incidents/i-1',
  '/incidents/i-2',
  '/timeline?from=x',
  '/stats?from=x',
  '/containers',
  '/graph',
  '/waiting',
  '/session',
];
const readAgain = (change: Parameters<typeof touchedBy>[0]) => ALL.filter(touchedBy(change));

describe('a change', () => {
  it('of an incident makes its page, the lists and the sums old, but no other incident', () => {
    const paths = readAgain({ incidents: ['i-1'], areas: ['incidents'], is_complete: true });
    expect(paths).toContain('/incidents/i-1');
    expect(paths).toEqual(expect.arrayContaining(['/incidents?limit=50', '/timeline?from=x', '/stats?from=x']));
    expect(paths).not.toContain('/incidents/i-2');
    expect(paths).not.toContain('/session');
  });

  it('of more incidents than are listed makes every incident old', () => {
    expect(readAgain({ incidents: [], areas: ['incidents'], is_complete: false })).toContain('/incidents/i-2');
  });

  it('of the agent itself touches only its state', () => {
    expect(readAgain({ incidents: [], areas: ['status'], is_complete: true })).toEqual(['/status', '/waiting']);
  });
});

describe('an answer', () => {
  it('shows an undecided incident, in a list or on its own', () => {
    const open = { state: 'open', decision: null, waits: null };
    expect(isUndecided({ incidents: [{ ...open, decision: { kind: 'notify' } }, open] })).toBe(true);
    expect(isUndecided({ ...open, decision: { kind: 'restart' }, waits: { what: 'for db' } })).toBe(true);
    expect(isUndecided({ incidents: [{ ...open, state: 'resolved' }] })).toBe(false);
  });

  it.each([undefined, null, {}, { incidents: { total: 3, open: 1 } }, { incidents: [{ state: 'open' }] }])(
    'without one does not: %j',
    (data) => expect(isUndecided(data)).toBe(false),
  );
});
