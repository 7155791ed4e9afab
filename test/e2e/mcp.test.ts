/** `container-doctor mcp` with the SDK's own client, over the API of a real agent on the simulated engine. */
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { type Doctor, runCommand } from '../support/doctor.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';
import { apiReader } from './api-support.ts';

const TOKEN = 'token-for-agents';
const SECRET = 'hunter2-not-for-agents';
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let world: World;
let doctor: Doctor;
let incidentId: string;

beforeAll(async () => {
  world = await startWorld(() => answer({ ...SAFE, root_cause: 'The pool is too small.' }));
  world.engine.addContainer({
    name: 'web',
    image: 'shop/web:1',
    health: 'healthy',
    env: [`DB_PASSWORD=${SECRET}`],
    labels: { 'container-doctor.mode': 'observe' },
  });
  doctor = await world.start({ HTTP_TOKEN: TOKEN });
  world.engine.container('web')?.log(`ERROR cannot serve: deadlock in the pool ${SECRET}`, { stream: 'stderr' });
  incidentId = await soon(async () => {
    const { incidents } = await apiReader(doctor.url, TOKEN).get('incidents');
    return incidents.find(({ decision }) => decision !== null)?.id;
  });
}, 60_000);
afterAll(() => world.close());

async function connectClient(over: { url?: string; token?: string } = {}) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'mcp', '--url', over.url ?? doctor.url],
    env: { PATH: process.env.PATH ?? '', HTTP_TOKEN: over.token ?? TOKEN },
    stderr: 'pipe',
  });
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(transport);
  onTestFinished(() => client.close());
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const result = await client.callTool({ name, arguments: args });
    const [content] = result.content as { type: string; text: string }[];
    return { isError: result.isError === true, text: content?.text ?? '', transport };
  };
  const read = async (name: string, args: Record<string, unknown> = {}) => {
    const { isError, text } = await call(name, args);
    expect([name, isError, text]).toEqual([name, false, expect.stringMatching(/^\{/)]);
    expect(text).not.toContain(SECRET);
    return JSON.parse(text);
  };
  return { client, call, read };
}

describe('container-doctor mcp', () => {
  it('has six tools, all of which only read', async () => {
    const { client } = await connectClient();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'list_incidents',
      'get_incident',
      'get_evidence',
      'why_not_restarted',
      'search_history',
      'container_status',
    ]);
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint && !annotations.destructiveHint)).toBe(true);
    expect(tools.every(({ inputSchema, description }) => inputSchema.type === 'object' && description)).toBe(true);
  });

  it('answers questions about an incident', async () => {
    const { read } = await connectClient();
    expect(await read('list_incidents', { state: 'open', container: 'web' })).toMatchObject({
      total: 1,
      incidents: [{ id: incidentId, severity: 'high', reason: 'observe_mode' }],
    });
    expect(await read('get_incident', { id: incidentId })).toMatchObject({ root_cause: 'The pool is too small.' });
    const evidence = await read('get_evidence', { id: incidentId, with_question: true });
    expect(evidence.signals).toMatchObject([{ text: expect.stringMatching(/deadlock in the pool ‹secret:\d›/) }]);
    expect(evidence.questions).toHaveLength(1);
    const why = await read('why_not_restarted', { container: 'web' });
    expect(why.gates.filter(({ state }: { state: string }) => state === 'closed')).toMatchObject([
      { name: 'mode', value: 'mode: observe (label container-doctor.mode)' },
    ]);
    expect(await read('search_history', { text: 'POOL IS too small' })).toMatchObject({ total: 1 });
    expect(await read('container_status', { container: 'web' })).toMatchObject({
      watcher: { docker_connected: true },
      containers: [{ name: 'web', status: 'running', open_incidents: [incidentId] }],
    });
  });

  it('says in words what is wrong with a call', async () => {
    const { call } = await connectClient();
    expect(await call('get_incident', { id: 'nobody' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('no incident with this id'),
    });
    expect(await call('why_not_restarted', {})).toMatchObject({ isError: true, text: 'give either id or container' });
    expect(await call('why_not_restarted', { container: 'nobody' })).toMatchObject({ isError: true });
    const refused = await connectClient({ token: 'wrong' });
    expect(await refused.call('list_incidents')).toMatchObject({
      isError: true,
      text: 'the agent requires HTTP_TOKEN; set it for this command',
    });
    const alone = await connectClient({ url: 'http://127.0.0.1:9' });
    expect(await alone.call('container_status')).toMatchObject({
      isError: true,
      text: expect.stringContaining('does not answer'),
    });
  });

  it('ends with its client, and refuses an invalid address', async () => {
    const { client, call } = await connectClient();
    const { transport } = await call('container_status');
    const { pid } = transport;
    await client.close();
    await soon(async () => (isRunning(pid) ? undefined : true));
    expect(await runCommand(['mcp', '--url', 'ftp://x'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('it must be an http or https URL'),
    });
    expect(await runCommand(['mcp', '--unknown'])).toMatchObject({ code: 64 });
  });
});

function isRunning(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0);
  } catch {
    return false;
  }
}
