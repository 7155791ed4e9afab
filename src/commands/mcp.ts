import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../errors.ts';
import { serveMcp } from '../mcp/server.ts';
import { readVersion } from '../version.ts';
import { agentUrl } from './agent-url.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_WRONG_SETTINGS, EXIT_WRONG_USAGE } from './exit-codes.ts';
import type { Output } from './output.ts';

/**
 * Serves the tools for coding agents on standard input and output until the client is gone. Resolves to the exit code.
 * Standard output belongs to the protocol.
 */
export async function runMcp(args: readonly string[], env: NodeJS.ProcessEnv, { printError }: Output): Promise<number> {
  let url: string;
  try {
    const { values } = parseArgs({ args: [...args], options: { url: { type: 'string' } } });
    url = (values.url ?? agentUrl(env)).replace(/\/+$/, '');
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      printError(`container-doctor: --url is ${JSON.stringify(url)}; it must be an http or https URL\n`);
      return EXIT_WRONG_USAGE;
    }
  } catch (error) {
    printError(`container-doctor: ${messageOf(error)}; usage: container-doctor mcp [--url http://127.0.0.1:8080]\n`);
    return EXIT_WRONG_USAGE;
  }
  let token: string | undefined;
  try {
    token = tokenOf(env);
  } catch (error) {
    printError(
      `container-doctor: HTTP_TOKEN_FILE=${env.HTTP_TOKEN_FILE}: must be a readable file (${messageOf(error)})\n`,
    );
    return EXIT_WRONG_SETTINGS;
  }
  try {
    await serveMcp({ url, token, version: readVersion() });
    return EXIT_OK;
  } catch (error) {
    printError(`container-doctor: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
}

function tokenOf(env: NodeJS.ProcessEnv): string | undefined {
  const path = env.HTTP_TOKEN_FILE?.trim();
  const token = env.HTTP_TOKEN?.trim() || (path ? readFileSync(path, 'utf8').trim() : '');
  return token === '' ? undefined : token;
}
