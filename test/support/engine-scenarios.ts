/**
 * The scenarios that run on every engine, and those that an engine does not support. Run as a program, this module
 * prints the table for docs/reliability.md, which `npm run docs` does not update.
 */

export const ENGINES = {
  'docker-20.10': 'Docker 20.10',
  'docker-newest': 'newest Docker',
  'podman-5': 'Podman 5',
} as const;

export type EngineName = keyof typeof ENGINES;

interface Scenario {
  readonly title: string;
  /** Why an engine does not support it. */
  readonly not?: Partial<Readonly<Record<EngineName, string>>>;
  /** A restriction of an engine that supports it. */
  readonly note?: Partial<Readonly<Record<EngineName, string>>>;
}

export const SCENARIOS = {
  crash: { title: 'a crash is noticed at once; the container is restarted and recovers' },
  'log-error': { title: 'an error that is logged 300 times is one incident and one alert' },
  stop: { title: 'a person stops a container, which exits with an error code: not an incident' },
  'stop-signal': { title: 'a person stops containers whose StopSignal is USR1 and QUIT: not an incident' },
  'stop-timeout': { title: 'a person stops a container that ignores the signal and is killed: not an incident' },
  kill: { title: 'a person kills a container: not an incident' },
  restart: { title: 'a person restarts a container: not an incident' },
  remove: { title: 'a person removes running containers by force: not an incident' },
  recreate: { title: 'a container that is recreated with the same name is still watched' },
  oom: { title: 'the kernel kills the main process for lack of memory: the container is restarted' },
  'oom-child': {
    title: 'the kernel kills a command in a container, which keeps running: reported, nothing is restarted',
    not: { 'podman-5': 'Podman has no event for it, and inspect does not show it' },
  },
  'crash-loop': { title: 'the engine repeatedly restarts a crashing container: one alert' },
  'crash-loop-0': { title: 'the engine repeatedly restarts a container that exits with code 0: one alert' },
  'gave-up': { title: 'the engine gives up after `on-failure:5`: "down for good", once' },
  unhealthy: {
    title: 'a health check fails: the container is restarted and recovers',
    note: { 'podman-5': 'on hosts with systemd, which runs the checks (the test runs them itself)' },
  },
  'restart-fails': {
    title: 'the restart fails because the source of a bind mount is gone: one alert, "it is down now", with the reason',
  },
  'removed-meanwhile': { title: 'a person removes the container while the agent restarts it: one alert' },
  rotation: {
    title: 'the log file is rotated while it is read: no line is lost or duplicated',
    not: { 'podman-5': 'Podman truncates the file, and lines that were not sent yet are lost' },
    note: {
      'docker-20.10':
        'but the engine itself sends some lines twice, so the test only checks the minimum number of lines read',
    },
  },
  reconnect: { title: 'every connection is cut repeatedly: no line is lost or duplicated' },
  absence: { title: 'errors that were logged while the agent was not running are found when it starts' },
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Why the engine does not support the scenario; undefined if it does. */
export function whyNot(engine: EngineName, scenario: ScenarioName): string | undefined {
  return (SCENARIOS[scenario] as Scenario).not?.[engine];
}

/** The table in Markdown. */
export function engineTable(): string {
  const engines = Object.keys(ENGINES) as EngineName[];
  const rows = Object.values<Scenario>(SCENARIOS).map(({ title, not, note }) => [
    title,
    ...engines.map((engine) => {
      const refused = not?.[engine];
      if (refused !== undefined) return `no: ${refused}`;
      const remark = note?.[engine];
      return remark === undefined ? 'yes' : `yes; ${remark}`;
    }),
  ]);
  return [['', ...Object.values(ENGINES)], ['---', ...engines.map(() => '---')], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

if (import.meta.main) console.log(engineTable());
