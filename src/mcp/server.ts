/** The Model Context Protocol server: a process of its own that reads the API of a running agent. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createApiClient } from './api-client.ts';
import { createTools } from './tools.ts';

/** Serves on standard input and output. Resolves when the client closes them. */
export async function serveMcp(options: {
  readonly url: string;
  readonly token?: string;
  readonly version: string;
}): Promise<void> {
  const server = new McpServer(
    { name: 'container-doctor', title: 'Container Doctor', version: options.version },
    { instructions: 'Problems of Docker containers, how they were diagnosed and what was done. All tools only read.' },
  );
  for (const [name, { title, description, input, run }] of Object.entries(createTools(createApiClient(options)))) {
    server.registerTool(
      name,
      {
        title,
        description,
        inputSchema: input,
        annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
      },
      async (given: Record<string, unknown>) => {
        const answer = await run(given);
        return answer.ok
          ? { content: [{ type: 'text' as const, text: JSON.stringify(answer.value) }] }
          : { content: [{ type: 'text' as const, text: answer.why }], isError: true };
      },
    );
  }
  const transport = new StdioServerTransport();
  const closed = Promise.withResolvers<void>();
  server.server.onclose = closed.resolve;
  // The transport does not notice the end of the input.
  process.stdin.once('end', () => void server.close());
  process.stdin.once('close', () => void server.close());
  await server.connect(transport);
  await closed.promise;
}
