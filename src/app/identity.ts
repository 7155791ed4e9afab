/** Who this agent is: an id that is made at its first start and kept in DATA_DIR, and the name of its host. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from '../lib/log.ts';

export interface AgentIdentity {
  /** Not the engine's id: cloned machines share that. */
  readonly id: string;
  /** AGENT_NAME, else the engine's host name. Absent if neither is known. */
  readonly host?: string;
}

const FILE = 'agent.json';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The start of the agent waits this long for the engine, if AGENT_NAME is not set. */
const ENGINE_PATIENCE_MS = 2_000;

/**
 * Reads the identity, or makes it. If the file was written on another host, the directory was probably copied: this agent
 * gets a new id, and the log says so. If the file cannot be kept, the id lasts until the agent stops. Never rejects.
 */
export async function loadIdentity(options: {
  readonly dataDir: string;
  readonly agentName?: string;
  /** Asks the engine. */
  engineHostName(signal: AbortSignal): Promise<string | undefined>;
  readonly logger: Logger;
}): Promise<AgentIdentity> {
  const { dataDir, logger } = options;
  const host =
    options.agentName ?? (await options.engineHostName(AbortSignal.timeout(ENGINE_PATIENCE_MS)).catch(() => undefined));
  const file = path.join(dataDir, FILE);
  const known = readIdentity(file);
  const isCopy = known?.host !== undefined && host !== undefined && known.host !== host;
  if (known !== undefined && !isCopy && (host === undefined || known.host === host)) return known;
  if (isCopy) {
    logger.warn('DATA_DIR was last used on another host: this agent gets a new id', {
      data_dir: dataDir,
      other_host: known.host,
      host_now: host,
    });
  }
  const identity = { id: known === undefined || isCopy ? randomUUID() : known.id, ...(host !== undefined && { host }) };
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    logger.warn('the id of this agent could not be kept: its next start gets another one', { error: String(error) });
  }
  return identity;
}

/** Undefined if there is none, or it is not one of ours. */
function readIdentity(file: string): AgentIdentity | undefined {
  try {
    const { id, host } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof id !== 'string' || !UUID.test(id)) return undefined;
    return { id, ...(typeof host === 'string' && host !== '' && { host }) };
  } catch {
    return undefined;
  }
}
