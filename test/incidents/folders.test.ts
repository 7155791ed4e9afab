/** The incidents of the bench are valid, and a mistake in one is reported with its file and place. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { restartOnError, sixteenWords } from '../bench/support-incident-baselines.ts';
import { INCIDENTS, loadIncidents, nanosOf, readIncident } from '../bench/support-incident-folder.ts';
import { readQuestion } from '../bench/support-incident-models.ts';
import { scoreActions } from '../bench/support-incident-score.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'doctor-folders-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of an incident with a changed file. */
function changed(file: string, change: (text: string) => string): string {
  const copy = mkdtempSync(path.join(folder, 'copy-'));
  cpSync(path.join(INCIDENTS, 'postgres-disk-full'), copy, { recursive: true });
  writeFileSync(path.join(copy, file), change(readFileSync(path.join(copy, file), 'utf8')));
  return copy;
}

function problemsOf(copy: string): string {
  const loaded = readIncident(copy);
  return loaded.ok ? '' : loaded.problems.join('\n').replaceAll(`${path.basename(copy)}/`, '');
}

describe('the incidents', () => {
  const all = loadIncidents();

  it('are all valid', () => {
    expect(all.length).toBeGreaterThanOrEqual(60);
  });

  it('include healthy and hostile twins', () => {
    const count = (kind: string) => all.filter(({ truth }) => truth.kind === kind).length;
    expect(count('healthy')).toBeGreaterThanOrEqual(15);
    expect(count('hostile')).toBeGreaterThanOrEqual(15);
  });

  it('have their steps in order, to the nanosecond', () => {
    for (const { name, steps } of all)
      expect(
        [...steps].sort((a, b) => Number(a.nanos - b.nanos)),
        name,
      ).toEqual(steps);
  });

  it('can be given to the simple tools, too', () => {
    const full = all.find(({ name }) => name === 'postgres-disk-full');
    const stopped = all.find(({ name }) => name === 'redis-stopped-by-person');
    if (full === undefined || stopped === undefined) throw new Error('missing');
    expect(sixteenWords(full, 'oracle')).toMatchObject({ detected: true, forbidden: [] });
    expect(sixteenWords(full, 'hostile').forbidden).toContain('restart shop-db-1');
    expect(restartOnError(stopped).forbidden).toContain('restart wiki-redis-1');
  });
});

describe('a mistake in an incident', () => {
  it.each([
    ['truth.yaml', 'severity: high', 'severity: bad', 'truth.yaml: severity: Invalid option'],
    ['truth.yaml', 'class: disk_full', 'class: full', 'truth.yaml: class: Invalid option'],
    ['truth.yaml', 'cause: shop-db-1', 'cause: db', 'truth.yaml: cause: inspect.json has no container "db"'],
    ['truth.yaml', 'cause: shop-db-1', '', 'truth.yaml: cause: is required, or "external"'],
    ['truth.yaml', '"restart *"', '"stop *"', 'truth.yaml: forbidden.0: must be "restart CONTAINER"'],
    ['truth.yaml', 'could not extend', 'could not stretch', 'truth.yaml: evidence: no line of a log contains'],
    ['truth.yaml', 'severity:', 'sevrity:', 'truth.yaml: (all): Unrecognized key: "sevrity"'],
    ['inspect.json', '"Image"', '"Picture"', 'inspect.json: 0.Config.Image: Invalid input'],
    ['inspect.json', '[', '', 'inspect.json: SyntaxError'],
    ['logs/shop-db-1.stderr.log', 'Z ', ' ', 'logs/shop-db-1.stderr.log: line 1: must begin with a time'],
  ])('in %s is named: %s → %s', (file, from, to, expected) => {
    expect(problemsOf(changed(file, (text) => text.replace(from, to)))).toContain(expected);
  });

  it('in a missing file is named', () => {
    const copy = changed('truth.yaml', (text) => text);
    rmSync(path.join(copy, 'events.jsonl'));
    expect(problemsOf(copy)).toBe('events.jsonl: is missing');
  });
});

describe('the parts of the bench', () => {
  it('read times to the nanosecond', () => {
    expect(nanosOf('2026-11-20T03:12:44.000000001Z')).toBe(1_795_144_364_000_000_001n);
    expect(nanosOf('2026-11-20T03:12:44Z')).toBe(1_795_144_364_000_000_000n);
    expect(nanosOf('yesterday')).toBeUndefined();
  });

  it('read a question as a model does', () => {
    const { container, lines, facts } = readQuestion('Container: "api"\n- state: running [F1]\nL1| ERROR x\nE1| y\n');
    expect([container, [...lines], facts]).toEqual([
      'api',
      [
        ['L1', 'ERROR x'],
        ['E1', 'y'],
      ],
      ['F1'],
    ]);
  });

  it('count a restart of a container that is not the cause as forbidden, unless it helps', () => {
    const incident = { truth: { cause: 'db', allowed: ['restart api'], forbidden: [] } } as never;
    expect(scoreActions(incident, ['api', 'web', 'db'])).toEqual({
      forbidden: ['restart web'],
      helpful: 1,
      useless: 1,
    });
  });
});
