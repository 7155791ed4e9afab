import type { Setting } from '../config/setting.ts';
import { SETTING_GROUPS } from '../config/settings.ts';

const NAME_WIDTH = 24;

/** The text of `--help`: the commands, and every setting with its default. */
export function helpText(version: string): string {
  const groups = SETTING_GROUPS.map(({ title, settings }) => {
    const lines = Object.entries(settings).map(([name, setting]) => helpLine(name, setting));
    return `${title}:\n${lines.join('\n')}\n`;
  });
  return `container-doctor ${version}
Watches Docker containers, diagnoses problems with Claude, restarts containers if it is safe, and sends alerts to Slack.

Usage: container-doctor [command]

  (none)               run the agent
  check [--verbose]    validate the settings; show what would be watched, under which policy, and what is reachable
  review [INCIDENT right|wrong [NOTE]]
                       show what was or would have been restarted and the results; record your verdict on one of them
  demo                 run the agent with a simulated engine: no Docker, key or Slack needed
  scan [FILE...]       run detection on log files or standard input (--json, --records); --redacted and
                       --prompt show what would leave the machine
  mcp [--url URL]      Model Context Protocol server on standard input and output, for coding agents; it reads a
                       running agent (default: HOST and PORT; HTTP_TOKEN if that agent requires it)
  healthcheck          ask the running agent's /health; exit code 0 or 1
  --help, --version

Settings (environment variables; details in docs/settings.md)

${groups.join('\n')}  ${'OTEL_*'.padEnd(NAME_WIDTH)} as specified by OpenTelemetry

Exit codes: 0 stopped on request, 1 failed, 64 wrong usage, 78 invalid settings.
`;
}

function helpLine(name: string, setting: Setting): string {
  const byDefault = setting.default ? ` [${setting.default}]` : '';
  const file = setting.secret ? ` (or ${name}_FILE)` : '';
  return `  ${name.padEnd(NAME_WIDTH)} ${setting.about}${byDefault}${file}`;
}
