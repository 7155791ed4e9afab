import { SETTINGS } from '../config.ts';

/** The text of `--help`: commands, and every setting with its default. */
export function helpText(version: string): string {
  const settings = Object.entries(SETTINGS).map(([name, setting]) => {
    const fallback = 'default' in setting && setting.default !== '' ? ` [${setting.default}]` : '';
    const file = 'secret' in setting ? ` (or ${name}_FILE)` : '';
    return `  ${name.padEnd(24)} ${setting.about}${fallback}${file}`;
  });
  return `container-doctor ${version}
Watches Docker containers, diagnoses real trouble with Claude, restarts where it is safe, and tells Slack.

Usage: container-doctor [command]

  (none)               run the agent
  check [--verbose]    validate the settings; say what would be watched, under which policy, and what can be reached
  review [INCIDENT right|wrong [NOTE]]
                       what it did or would have done and what came of it; record what you think of it
  demo                 run the agent against a bundled simulated engine: no Docker, key or Slack needed
  scan [FILE...]       run detection over log files or standard input (--json, --records); --redacted and
                       --prompt show what would leave the machine
  healthcheck          ask the running agent whether it is well; exit code 0 or 1
  --help, --version

Settings (environment):
${settings.join('\n')}
  OTEL_*                   as OpenTelemetry has them

Exit codes: 0 stopped as asked, 1 failed, 64 wrong usage, 78 wrong settings.
`;
}
