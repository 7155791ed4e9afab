import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export const REPOSITORY = new URL('../../', import.meta.url).pathname;

export interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly build?: unknown;
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly mem_limit?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

export function readRepositoryFile(path: string): string {
  return readFileSync(new URL(path, new URL('../../', import.meta.url)), 'utf8');
}

/** As written: `${VARIABLES}` are not replaced. */
export function readComposeFile(): ComposeFile {
  return parse(readRepositoryFile('compose.yaml'), { merge: true }) as ComposeFile;
}

/** Replaces `${NAME:-default}` as Compose does if only `values` are set. */
export function interpolate(text: string, values: Readonly<Record<string, string>> = {}): string {
  return text.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, byDefault: string) => values[name] ?? byDefault);
}
