import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { CurrentDatabase } from './current-database.ts';
import { FILE_AGENT } from './engines/storage-engine.ts';
import { storableText } from './rows.ts';

/**
 * The rows that the pages show: in a shared database those of all agents, or of the one on `host`. A file has only rows
 * of its own agent. `column`: the agent of the row.
 */
export function shownRows(current: CurrentDatabase, column: string, host?: string): RawBuilder<SqlBool> {
  if (!current.isShared) return sql<SqlBool>`${sql.ref(column)} = ${current.agent}`;
  return host === undefined ? sql<SqlBool>`true` : sql<SqlBool>`${sql.ref(column)} = ${storableText(host)}`;
}

/** In a shared database, the name of the agent is that of its host. */
export function hostOfAgent({ agent }: { readonly agent: string }): { readonly host?: string } {
  return agent === FILE_AGENT ? {} : { host: agent };
}

/** The host of a row that does not name one. In a shared database, the name of the agent is that of its host. */
export function withHost<Case extends { readonly incident: { readonly container: { readonly host?: string } } }>(
  given: Case,
  agent: string,
): Case {
  const { incident } = given;
  if (incident.container.host !== undefined || agent === FILE_AGENT) return given;
  return { ...given, incident: { ...incident, container: { ...incident.container, host: agent } } };
}
