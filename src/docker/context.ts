/** Reads a Docker context, the way Docker's own clients choose an engine if `DOCKER_HOST` is not set. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { EngineError } from '../errors.ts';

export interface ContextOptions {
  /** The value of `DOCKER_CONTEXT`. Default: the current context in `config.json`. */
  readonly context?: string;
  /** The folder with `config.json` and `contexts`: the value of `DOCKER_CONFIG`, or `~/.docker`. */
  readonly configDir?: string;
}

/** The engine that a context names. */
interface ContextEndpoint {
  readonly name: string;
  readonly host: string;
  /** Verify the certificate of the engine. */
  readonly tlsVerify: boolean;
  /** The folder with the context's certificates; undefined if it has none. */
  readonly certPath?: string;
}

/** The name of the context without an entry: the default socket. */
const DEFAULT_CONTEXT = 'default';
const SUPPORTED_HOST = /^(?:unix|tcp|https?):\/\//;

/**
 * Returns undefined for the default context. Throws an EngineError that names the setting if the context does not exist,
 * cannot be read, or names an engine that is not supported.
 */
export function resolveContext({ context, configDir }: ContextOptions): ContextEndpoint | undefined {
  const name = context ?? currentContext(configDir);
  if (name === undefined || name === DEFAULT_CONTEXT) return undefined;
  const setting =
    context === undefined
      ? `the current Docker context "${name}" (${path.join(configDir ?? '', 'config.json')})`
      : `DOCKER_CONTEXT "${name}"`;
  const fail = (problem: string, cause?: unknown) =>
    new EngineError(`${setting} ${problem}; set DOCKER_HOST to use an engine without a context`, 'protocol', cause);
  if (configDir === undefined) throw fail('cannot be read: neither HOME nor DOCKER_CONFIG is set');

  const folder = createHash('sha256').update(name).digest('hex');
  const metaFile = path.join(configDir, 'contexts', 'meta', folder, 'meta.json');
  if (!existsSync(metaFile)) throw fail(`does not exist: there is no ${metaFile}`);
  const endpoint = readEndpoint(metaFile, (cause) => fail(`cannot be read (${metaFile})`, cause));
  const host = endpoint?.Host;
  if (typeof host !== 'string' || host === '') throw fail('has no Docker endpoint');
  if (!SUPPORTED_HOST.test(host)) {
    throw fail(`uses ${host}, which is not supported: only unix://, tcp://, http:// and https:// are`);
  }
  const certPath = path.join(configDir, 'contexts', 'tls', folder, 'docker');
  const hasCertificates = existsSync(certPath);
  return {
    name,
    host,
    tlsVerify: hasCertificates && endpoint?.SkipTLSVerify !== true,
    ...(hasCertificates ? { certPath } : {}),
  };
}

interface MetaEndpoint {
  readonly Host?: unknown;
  readonly SkipTLSVerify?: unknown;
}

function readEndpoint(file: string, fail: (cause: unknown) => EngineError): MetaEndpoint | undefined {
  try {
    const meta: { Endpoints?: { docker?: MetaEndpoint } } = JSON.parse(readFileSync(file, 'utf8'));
    return meta.Endpoints?.docker;
  } catch (cause) {
    throw fail(cause);
  }
}

function currentContext(configDir: string | undefined): string | undefined {
  if (configDir === undefined) return undefined;
  const file = path.join(configDir, 'config.json');
  if (!existsSync(file)) return undefined;
  try {
    const { currentContext: name }: { currentContext?: unknown } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch (cause) {
    const problem = `the current Docker context cannot be read from ${file}`;
    throw new EngineError(`${problem}; set DOCKER_HOST to use an engine without a context`, 'protocol', cause);
  }
}
