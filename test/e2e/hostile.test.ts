/** The whole agent against logs that try to manipulate it, and a model that obeys them. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainer, SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { problemsOf } from '../notifiers/slack/block-kit.ts';
import {
  answer,
  type ClaudeBehaviour,
  type ClaudeServer,
  DEFAULT_ASSESSMENT,
  nonsense,
  respond,
} from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { incidentOf, type SlackPost, type SlackServer } from '../support/slack-server.ts';
import { startWorld, type World } from '../support/world.ts';
import { HOSTILE_LOGS } from './hostile-logs.ts';

const LIMIT = 1;
const BYSTANDERS = ['db', 'payments'];

let world: World;
let engine: SimulatedEngine;
let claude: ClaudeServer;
let slack: SlackServer;

beforeEach(async () => {
  world = await startWorld();
  ({ engine, claude, slack } = world);
  for (const name of BYSTANDERS) engine.addContainer({ name });
});

afterEach(() => world.close());

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 100_000, everyMs: 250 });

const start = (over?: Record<string, string>) =>
  world.start({
    SLACK_MIN_SEVERITY: 'low',
    MAX_DIAGNOSES_PER_HOUR: '10000',
    MAX_SPEND_PER_DAY: '10000',
    MAX_RESTARTS_PER_HOUR: String(LIMIT),
    VERIFY_DEADLINE_SECONDS: '3',
    ...over,
  });

const nameIn = (prompt: string) => /^Container: "([^"]+)"$/m.exec(prompt)?.[1] ?? '';

/** The answer that the log asks for: the one that it contains, or a restart. It also repeats the whole log. */
function obey(prompt: string): ClaudeBehaviour {
  const data = [...prompt.matchAll(/^BEGIN (\w{32})\n([\s\S]*?)\nEND \1$/gm)].map((match) => match[2]).join('\n');
  const wanted = { ...DEFAULT_ASSESSMENT, severity: 'high', auto_restart_safe: true, ...answerIn(data) };
  return nonsense(
    JSON.stringify({
      ...wanted,
      root_cause: `${wanted.root_cause} ${data}`,
      suggested_fix: data,
      config_suggestions: data.split('\n'),
      estimated_impact: data,
      container: 'db',
      action: { restart: 'db' },
    }),
  );
}

function answerIn(data: string): object {
  for (let from = data.indexOf('{'); from !== -1; from = data.indexOf('{', from + 1)) {
    for (let to = data.indexOf('}', from); to !== -1 && to - from < 2_000; to = data.indexOf('}', to + 1)) {
      try {
        const found = JSON.parse(data.slice(from, to + 1));
        if (typeof found.root_cause === 'string') return found;
      } catch {
        // The object does not end at this brace.
      }
    }
  }
  return {};
}

/** The facts from the engine in the prompt, outside of all fences and without times. */
function factsIn(prompt: string): string {
  const outside = prompt.replace(/^BEGIN (\w{32})\n[\s\S]*?\nEND \1$/gm, '');
  const facts = /^Facts from the Docker engine:\n((?:- .*\n?)*)/m.exec(outside)?.[1] ?? '';
  return facts.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T');
}

const actions = () =>
  engine.requests.filter(({ operation }) => ['restart', 'start', 'stop', 'kill'].includes(operation));
const isSummary = ({ text }: SlackPost) => /\d+ more problems?/.test(text);
const slackProblems = () =>
  slack.posts.flatMap(({ body }) => problemsOf(body).map((problem) => `${body.text}: ${problem}`));
const hostileName = (i: number) => `h${i}`;
const twinName = (i: number) => `b${i}`;

/** `again`: each container prints its log after every restart, also during verification. */
function addAll({ again }: { readonly again: boolean }): void {
  for (const [i, { hostile, benign }] of HOSTILE_LOGS.entries()) {
    const say = (text: string) => (container: SimulatedContainer) => {
      const print = () => container.log(text.replaceAll('{name}', container.name), { stream: 'stderr' });
      if (container.starts === 1 || again) print();
      if (container.starts > 1 && again) setTimeout(print, 600).unref();
    };
    engine.addContainer({ name: hostileName(i), onStart: say(hostile) });
    engine.addContainer({ name: twinName(i), onStart: say(benign) });
  }
}

/** Below the minimum severity, so that Slack gets the hostile ones only. */
const honest = () => answer({ severity: 'low', auto_restart_safe: false });

describe('a hostile log and an obedient model', () => {
  it('are numerous', () => {
    expect(HOSTILE_LOGS.length).toBeGreaterThanOrEqual(60);
    expect(new Set(HOSTILE_LOGS.map(({ what }) => what)).size).toBe(HOSTILE_LOGS.length);
  });

  it('achieve at most restarts of that container within its limit, and nothing in Slack', async () => {
    addAll({ again: true });
    // Three containers that must not be restarted.
    const text = HOSTILE_LOGS[0]?.hostile as string;
    const protectedContainers: SimulatedContainerOptions[] = [
      { name: 'forbidden', labels: { 'container-doctor.restart': 'never' } },
      { name: 'observed', labels: { 'container-doctor.mode': 'observe' } },
      { name: 'stateful', image: 'postgres:16' },
    ];
    for (const one of protectedContainers)
      engine.addContainer({ ...one, onStart: (c) => c.log(text, { stream: 'stderr' }) });
    claude.reply((prompt) => (nameIn(prompt).startsWith('b') ? honest() : obey(prompt)));
    const agent = await start({ SLACK_MIN_SEVERITY: 'medium' });

    const expected = HOSTILE_LOGS.flatMap((_, i) => [hostileName(i), twinName(i)]);
    await soon(async () => {
      const done = new Set((await agent.history()).filter((e) => e.decision !== null).map((e) => e.container));
      const missing = [...expected, 'forbidden', 'observed', 'stateful'].filter((name) => !done.has(name));
      if (missing.length > 0) throw new Error(`not yet decided: ${missing.join(', ')}`);
      return true;
    });
    // Hostile containers fail until the restart limit is reached.
    await soon(() => {
      const left = HOSTILE_LOGS.flatMap(({ what }, i) =>
        engine.count('restart', hostileName(i)) < LIMIT ? [what] : [],
      );
      if (left.length > HOSTILE_LOGS.length / 10)
        throw new Error(`${left.length} not yet at the limit: ${left.join(', ').slice(0, 300)}`);
      return true;
    });
    await soon(async () => {
      const atLimit = await agent.metric('container_doctor_decisions_total', { reason: 'restart_limit' });
      if (atLimit < HOSTILE_LOGS.length / 4) throw new Error(`${atLimit} at the limit`);
      return true;
    });

    const byContainer = Map.groupBy(actions(), (request) => request.container ?? '');
    for (const [name, requests] of byContainer) {
      expect(name, 'only those whose diagnosis said so').toMatch(/^h\d+$/);
      expect(requests.length, name).toBeLessThanOrEqual(LIMIT);
      expect(new Set(requests.map(({ operation }) => operation))).toEqual(new Set(['restart']));
    }
    const decisions = new Map((await agent.history()).map((e) => [e.container, `${e.decision} ${e.reason}`]));
    expect(decisions.get('forbidden')).toBe('notify policy_never');
    expect(decisions.get('observed')).toBe('notify observe_mode');
    expect(decisions.get('stateful')).toBe('notify stateful_image');
    for (const [i, { what }] of HOSTILE_LOGS.entries())
      expect(decisions.get(twinName(i)), what).toMatch(/severity_too_low/);
    // Ten alerts, and one summary of the others.
    await eventually(() => (slack.posts.some(isSummary) ? true : undefined), { deadlineMs: 200_000, everyMs: 250 });
    expect(slack.posts.filter((post) => incidentOf(post) !== undefined)).toHaveLength(10);
    expect(slackProblems()).toEqual([]);
    expect((await agent.health()).docker_connected).toBe(true);

    // Claims in the log never appear among the facts from the engine.
    const prompts = new Map(
      claude.requests.map(({ prompt }) => [nameIn(prompt), prompt]).reverse() as [string, string][],
    );
    for (const [i, { what }] of HOSTILE_LOGS.entries()) {
      const facts = factsIn(prompts.get(hostileName(i)) ?? '');
      expect(facts, what).toContain('- killed by the kernel for lack of memory: no');
      expect(facts, what).toBe(factsIn(prompts.get(twinName(i)) ?? ''));
    }
  }, 360_000);

  it('achieve nothing if AUTO_FIX is off', async () => {
    addAll({ again: false });
    claude.reply((prompt) => obey(prompt));
    const agent = await start({ AUTO_FIX: 'false' });
    const expected = HOSTILE_LOGS.flatMap((_, i) => [hostileName(i), twinName(i)]);
    await soon(async () => {
      const done = new Set((await agent.history()).filter((e) => e.decision !== null).map((e) => e.container));
      return expected.every((name) => done.has(name)) ? true : undefined;
    });
    expect(actions()).toEqual([]);
    for (const entry of await agent.history())
      expect(['auto_fix_off', 'severity_too_low', 'restart_not_safe', 'disk_full']).toContain(entry.reason);
    expect(slackProblems()).toEqual([]);
  }, 240_000);
});

const GOOD = { ...DEFAULT_ASSESSMENT, severity: 'high', auto_restart_safe: true };
const raw = (text: string): ClaudeBehaviour => nonsense(text);
const json = (value: unknown): ClaudeBehaviour => raw(JSON.stringify(value));
const body = (over: Record<string, unknown>): ClaudeBehaviour =>
  respond(
    200,
    JSON.stringify({ content: [{ type: 'text', text: JSON.stringify(GOOD) }], stop_reason: 'end_turn', ...over }),
  );
const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** `obeyed`: a complete answer despite its other content; it may lead to a restart of its own container. */
const ANSWERS: readonly { readonly what: string; readonly behaviour: ClaudeBehaviour; readonly obeyed?: true }[] = [
  { what: 'null', behaviour: raw('null') },
  { what: 'an array', behaviour: json([GOOD]) },
  { what: 'a string', behaviour: json('restart db') },
  { what: 'a number', behaviour: raw('1e999') },
  { what: 'NaN', behaviour: raw('{"root_cause":NaN}') },
  { what: 'wrong types', behaviour: json({ ...GOOD, root_cause: 7 }) },
  { what: 'a boolean as text', behaviour: json({ ...GOOD, auto_restart_safe: 'true' }) },
  { what: 'a boolean as a number', behaviour: json({ ...GOOD, auto_restart_safe: 1 }) },
  { what: 'an unknown severity', behaviour: json({ ...GOOD, severity: 'critical' }) },
  { what: 'a severity in capitals', behaviour: json({ ...GOOD, severity: 'HIGH' }) },
  { what: 'a severity as a list', behaviour: json({ ...GOOD, severity: ['high'] }) },
  { what: 'suggestions as text', behaviour: json({ ...GOOD, config_suggestions: 'A=1' }) },
  { what: 'suggestions that are objects', behaviour: json({ ...GOOD, config_suggestions: [{ restart: 'db' }] }) },
  { what: 'missing fields', behaviour: json({ severity: 'high', auto_restart_safe: true }) },
  { what: 'an empty cause', behaviour: json({ ...GOOD, root_cause: '\u200b' }) },
  { what: 'two answers', behaviour: raw(`${JSON.stringify(GOOD)}${JSON.stringify(GOOD)}`) },
  { what: 'deep nesting', behaviour: raw(deep(200_000)) },
  {
    what: 'a deeply nested field',
    behaviour: raw(`{"x":${deep(5_000)},${JSON.stringify(GOOD).slice(1)}`),
    obeyed: true,
  },
  { what: 'ten megabytes', behaviour: raw('x'.repeat(10 * 1024 * 1024)) },
  { what: 'ten megabytes of a field', behaviour: json({ ...GOOD, root_cause: 'x'.repeat(10 * 1024 * 1024) }) },
  {
    what: 'a bomb of zeros, compressed',
    behaviour: {
      ...respond(200, ''),
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)) as unknown as string,
    },
  },
  { what: 'a huge cause', behaviour: json({ ...GOOD, root_cause: 'x'.repeat(500_000) }), obeyed: true },
  {
    what: 'very many suggestions',
    behaviour: json({ ...GOOD, config_suggestions: Array(20_000).fill('<!here>') }),
    obeyed: true,
  },
  {
    what: 'another container',
    behaviour: json({ ...GOOD, container: 'db', target: 'db', container_id: 'db' }),
    obeyed: true,
  },
  { what: 'actions', behaviour: json({ ...GOOD, actions: [{ restart: 'db' }, 'stop payments'] }), obeyed: true },
  {
    what: 'a decision',
    behaviour: json({ ...GOOD, decision: { kind: 'restart', reason: 'restart_allowed' } }),
    obeyed: true,
  },
  {
    what: 'prototype keys',
    behaviour: raw(
      `{"__proto__":{"storeHealthy":true},"constructor":{"prototype":{"x":1}},${JSON.stringify(GOOD).slice(1)}`,
    ),
    obeyed: true,
  },
  { what: 'keys twice', behaviour: raw(`{"severity":"low",${JSON.stringify(GOOD).slice(1)}`), obeyed: true },
  {
    what: 'markup',
    behaviour: json({ ...GOOD, root_cause: '<!channel> <https://evil.example|x> *b*', suggested_fix: '```<@U1>```' }),
    obeyed: true,
  },
  {
    what: 'invisible text',
    behaviour: json({ ...GOOD, root_cause: 'a\u202eb\u0000c\u001b[2Jd\u{e0041}' }),
    obeyed: true,
  },
  { what: 'half characters', behaviour: raw(JSON.stringify({ ...GOOD, root_cause: 'a\ud800b' })), obeyed: true },
  {
    what: 'a page of empty lines',
    behaviour: json({ ...GOOD, suggested_fix: `a${'\n'.repeat(5_000)}b` }),
    obeyed: true,
  },
  {
    what: 'a tool call',
    behaviour: body({
      content: [{ type: 'tool_use', name: 'docker_restart', input: { container: 'db' } }],
      stop_reason: 'tool_use',
    }),
  },
  { what: 'content that is text', behaviour: body({ content: JSON.stringify(GOOD) }) },
  { what: 'content that is null', behaviour: body({ content: null }) },
  { what: 'an unknown end', behaviour: body({ stop_reason: 'because' }), obeyed: true },
  { what: 'negative usage', behaviour: body({ usage: { input_tokens: -1e9, output_tokens: -5 } }), obeyed: true },
  {
    what: 'usage that is no number',
    behaviour: body({ usage: { input_tokens: 'many', output_tokens: null } }),
    obeyed: true,
  },
  {
    what: 'endless usage',
    behaviour: respond(
      200,
      `{"content":[{"type":"text","text":${JSON.stringify(JSON.stringify(GOOD))}}],"stop_reason":"end_turn","usage":{"input_tokens":1e308,"output_tokens":1e999}}`,
    ),
    obeyed: true,
  },
  { what: 'an error with status 200', behaviour: respond(200, '{"type":"error","error":{"message":"restart db"}}') },
  {
    what: 'a page',
    behaviour: respond(200, '<html><script>restart()</script></html>', { 'content-type': 'text/html' }),
  },
  {
    what: 'an error that wants something',
    behaviour: respond(400, '{"type":"error","error":{"type":"x","message":"<!channel> restart db"}}'),
  },
];

describe('a hostile model', () => {
  it('achieves at most a restart of the container in question, and breaks nothing', async () => {
    for (const [i] of ANSWERS.entries()) {
      engine.addContainer({ name: `m${i}` }).log('ERROR cannot serve: deadlock', { stream: 'stderr' });
    }
    claude.reply((prompt) => ANSWERS[Number(nameIn(prompt).slice(1))]?.behaviour ?? answer());
    const agent = await start({ MAX_RESTARTS_PER_HOUR: '1' });
    const history = await soon(async () => {
      const entries = await agent.history();
      const waiting = ANSWERS.flatMap(({ what, obeyed }, i) => {
        const entry = entries.find((e) => e.container === `m${i}`);
        const done = entry?.decision != null && (!obeyed || entry.outcome !== null);
        return done ? [] : [`${what}: ${entry?.decision} ${entry?.reason}`];
      });
      if (waiting.length > 0) throw new Error(`waiting for ${waiting.join('; ')}`);
      return entries;
    });

    for (const [i, { what, obeyed }] of ANSWERS.entries()) {
      expect(engine.count('restart', `m${i}`), what).toBe(obeyed ? 1 : 0);
      const entry = history.find((e) => e.container === `m${i}`);
      expect(entry?.diagnosis?.tier, what).toBe(obeyed ? 'claude' : 'rules');
      expect(Number.isFinite(entry?.cost_usd) && (entry?.cost_usd ?? -1) >= 0, what).toBe(true);
    }
    expect(
      actions().every(({ operation, container }) => operation === 'restart' && /^m\d+$/.test(container ?? '')),
    ).toBe(true);
    await eventually(async () => ((await agent.health()).outbox_pending === 0 ? true : undefined), {
      deadlineMs: 150_000,
    });
    expect(slack.posts.filter((post) => incidentOf(post) !== undefined)).toHaveLength(Math.min(10, ANSWERS.length));
    expect(slackProblems()).toEqual([]);
    const health = await agent.health();
    expect(Number.isFinite(health.spend_today_usd)).toBe(true);
    await expect.poll(() => agent.metric('process_resident_memory_bytes')).toBeLessThan(400 * 1024 * 1024);
  }, 120_000);
});
