/** Slack's side of Socket Mode: tickets, hello, envelopes and their acknowledgements, and the renewal of connections. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Click {
  readonly team: string;
  readonly channel: string;
  readonly messageTs: string;
  readonly threadTs?: string;
  readonly user: string;
  readonly actionId: string;
  readonly blockId: string;
  readonly type: string;
  readonly value?: string;
}

export interface Delivered {
  readonly envelopeId: string;
  /** Within the 3 seconds that Slack waits. */
  readonly acknowledged: boolean;
}

export interface SocketMode {
  connections(): number;
  /** Connections that were opened, in all. */
  opened(): number;
  click(click: Click): Promise<Delivered>;
  /** Sends an envelope as it is, for example one of another type. */
  deliver(type: string, payload: unknown): Promise<Delivered>;
  /** Announces the end of all connections, and ends each once there is a newer one, or after `graceMs`. */
  renew(reason: 'warning' | 'refresh_requested' | 'link_disabled', graceMs?: number): Promise<void>;
  /** Cuts all connections. */
  dropAll(): void;
  /** No connection is accepted until `accept`. */
  refuse(): void;
  accept(): void;
  newUrl(httpUrl: string): string;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

const ACK_MS = 3_000;

export function createSocketMode(options: {
  readonly app: string;
  readonly team: string;
  readonly violations: string[];
}): SocketMode {
  const { app, violations } = options;
  const server = new WebSocketServer({ noServer: true });
  const tickets = new Set<string>();
  const open = new Set<WebSocket>();
  const awaited = new Map<string, () => void>();
  let opened = 0;
  let refusing = false;
  let next = 0;

  server.on('connection', (connection) => {
    opened += 1;
    open.add(connection);
    const pings = setInterval(() => connection.ping(), 5_000);
    pings.unref();
    connection.on('close', () => {
      clearInterval(pings);
      open.delete(connection);
    });
    connection.on('message', (data) => acknowledge(String(data)));
    connection.send(
      JSON.stringify({
        type: 'hello',
        num_connections: open.size,
        debug_info: { host: 'applink-stand-in', build_number: 1, approximate_connection_time: 18_060 },
        connection_info: { app_id: app },
      }),
    );
  });

  function acknowledge(text: string): void {
    let ack: { envelope_id?: unknown; payload?: unknown };
    try {
      ack = JSON.parse(text);
    } catch {
      violations.push(`socket: not JSON: ${text.slice(0, 80)}`);
      return;
    }
    const known = awaited.get(String(ack.envelope_id));
    if (known) known();
    else violations.push(`socket: an acknowledgement of an unknown or acknowledged envelope ${ack.envelope_id}`);
  }

  async function deliver(type: string, payload: unknown): Promise<Delivered> {
    // Slack chooses one of the connections.
    const connection = [...open].at(Math.floor(Math.random() * open.size));
    if (!connection) throw new Error('no connection');
    next += 1;
    const envelopeId = `00000000-0000-4000-8000-${String(next).padStart(12, '0')}`;
    const acknowledged = new Promise<boolean>((resolve) => {
      awaited.set(envelopeId, () => {
        awaited.delete(envelopeId);
        resolve(true);
      });
    });
    connection.send(JSON.stringify({ envelope_id: envelopeId, type, accepts_response_payload: false, payload }));
    const timeout = new AbortController();
    const inTime = await Promise.race([
      acknowledged,
      delay(ACK_MS, false, { signal: timeout.signal }).catch(() => false),
    ]);
    timeout.abort();
    return { envelopeId, acknowledged: inTime };
  }

  return {
    connections: () => open.size,
    opened: () => opened,
    deliver,
    click: (click) => deliver('interactive', blockActions(click, app)),
    async renew(reason, graceMs = 10_000) {
      const old = [...open];
      for (const connection of old) {
        connection.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'applink-stand-in' } }));
      }
      const deadline = Date.now() + graceMs;
      while (Date.now() < deadline && ![...open].some((each) => !old.includes(each)) && open.size > 0) await delay(10);
      for (const connection of old) connection.close(1000);
    },
    dropAll() {
      for (const connection of open) connection.terminate();
    },
    refuse() {
      refusing = true;
    },
    accept() {
      refusing = false;
    },
    newUrl(httpUrl) {
      const ticket = `ticket-${Math.random().toString(36).slice(2)}`;
      tickets.add(ticket);
      return `${httpUrl.replace('http', 'ws')}/link/?ticket=${ticket}&app_id=${app}`;
    },
    upgrade(request, socket, head) {
      const ticket = new URL(request.url ?? '', 'ws://stand-in').searchParams.get('ticket') ?? '';
      if (refusing || !tickets.delete(ticket)) {
        socket.end(`HTTP/1.1 ${refusing ? '503 Service Unavailable' : '401 Unauthorized'}\r\n\r\n`);
        return;
      }
      server.handleUpgrade(request, socket, head, (connection) => server.emit('connection', connection, request));
    },
    close() {
      for (const connection of open) connection.terminate();
      server.close();
    },
  };
}

/** As documented: docs.slack.dev/reference/interaction-payloads/block_actions-payload. */
function blockActions(click: Click, app: string): unknown {
  const action =
    click.type === 'button'
      ? { value: click.value }
      : { selected_option: { text: { type: 'plain_text', text: 'option' }, value: click.value } };
  return {
    type: 'block_actions',
    user: { id: click.user, username: 'somebody', name: 'somebody', team_id: click.team },
    api_app_id: app,
    token: 'deprecated',
    container: {
      type: 'message',
      message_ts: click.messageTs,
      channel_id: click.channel,
      is_ephemeral: false,
      ...(click.threadTs && { thread_ts: click.threadTs }),
    },
    trigger_id: '1.2.3',
    team: { id: click.team, domain: 'stand-in' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: click.channel, name: 'alerts' },
    message: { type: 'message', ts: click.messageTs, text: '', app_id: app, bot_id: 'B0BOT00001' },
    state: { values: {} },
    response_url: 'https://hooks.slack.com/actions/stand-in',
    actions: [
      {
        action_id: click.actionId,
        block_id: click.blockId,
        type: click.type,
        action_ts: String(Date.now() / 1000),
        ...action,
      },
    ],
  };
}
