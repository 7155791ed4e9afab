/** Plays a recorded incident on a simulated engine. */
import { type ContainerLog, createContainerLog } from '../../src/demo/engine/container-log.ts';
import type { SimulatedContainer, SimulatedHealth } from '../../src/demo/engine/simulated-container.ts';
import { formatTimestamp } from '../../src/demo/engine/timestamps.ts';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import type { Clock } from '../../src/lib/time.ts';
import { type Inspected, nameOf, nanosOf, type RecordedIncident, type Step } from './support-incident-folder.ts';

export interface Replay {
  /** Creates the containers that exist when the agent starts, with the history of their logs. */
  prepare(): void;
  /** What follows, at the recorded pace. */
  play(): Promise<void>;
}

/** Of the pauses between two steps: nothing happens in between. Nanoseconds. */
const LONGEST_PAUSE = 20_000_000_000n;
/** What `after_restart: fails` repeats: the last lines of the container's recording. */
const REPEATED_LINES = 20;
const REPEATED_AFTER_MS = 800;
/** The restart policy is shown to the agent; the recording has what it did. */
const NEVER_MS = 2 ** 31 - 1;
/** Started this long before, if the recording does not say when. */
const UPTIME_MS = 3 * 24 * 3_600_000;

export function createReplay(incident: RecordedIncident, engine: SimulatedEngine, clock: Clock): Replay {
  const { steps, truth, containers } = incident;
  const begins = nanosOf(truth.begins) ?? 0n;
  const logs = new Map<string, ContainerLog>();
  const ends = new Map<string, Step>();
  for (const step of steps) if (step.kind === 'event' && step.action === 'die') ends.set(step.container, step);
  /** Restarted by the agent: the rest of their recording did not happen. */
  const restarted = new Set<string>();
  let playing = false;
  let isCreating = false;
  let shift = 0n;
  /** The engine's timestamps must rise, whatever the clock does between two steps. */
  let last = 0n;

  const timestamp = (nanos: bigint): string => {
    last = nanos > last ? nanos : last + 1_000n;
    return formatTimestamp(Number(last / 1_000_000n), Number(last % 1_000_000n));
  };
  const nowNanos = () => BigInt(Math.floor(clock.now())) * 1_000_000n;

  function create(inspected: Inspected): SimulatedContainer {
    const name = nameOf(inspected);
    const { Config, HostConfig, State, NetworkSettings } = inspected;
    const log = createContainerLog(Config.Tty);
    logs.set(name, log);
    const startedAt = nanosOf(State.StartedAt ?? '');
    const networks = Object.entries(NetworkSettings.Networks);
    const container = engine.addContainer({
      name,
      image: Config.Image,
      labels: Config.Labels ?? {},
      env: Config.Env ?? [],
      tty: Config.Tty,
      stopSignal: Config.StopSignal ?? undefined,
      memoryLimit: HostConfig.Memory,
      networkMode: networkModeOf(HostConfig.NetworkMode),
      restartPolicy: HostConfig.RestartPolicy.Name as 'no' | 'always' | 'on-failure' | 'unless-stopped',
      maximumRetryCount: HostConfig.RestartPolicy.MaximumRetryCount,
      restartDelayMs: NEVER_MS,
      networks: networks.map(([network]) => network),
      aliases: [...new Set(networks.flatMap(([, { Aliases }]) => Aliases ?? []))].filter((alias) => alias !== name),
      ...(State.Health && { health: 'healthy' as const }),
      output: log,
      startedAt: playing
        ? undefined
        : startedAt === undefined
          ? clock.now() - UPTIME_MS
          : Number((startedAt + shift) / 1_000_000n),
      onStart: (started) => {
        if (!playing || isCreating) return;
        if (truth.after_restart === 'recovers') restarted.add(name);
        else if (ends.has(name)) void failAgain(started);
      },
    });
    return container;
  }

  /** `container:ID` with the recorded id, which the simulated engine does not use. */
  function networkModeOf(recorded: string): string {
    const shared = containers.find(({ Id }) => Id !== undefined && recorded === `container:${Id}`);
    return shared === undefined ? recorded : `container:${engine.container(nameOf(shared))?.id ?? ''}`;
  }

  /** A restart by the agent: the process fails in the same way. */
  async function failAgain(container: SimulatedContainer): Promise<void> {
    const { starts } = container;
    await clock.sleep(REPEATED_AFTER_MS);
    if (!container.running || container.starts !== starts) return;
    const lines = steps.filter((step) => step.kind === 'line' && step.container === container.name);
    for (const line of lines.slice(-REPEATED_LINES)) {
      if (line.kind === 'line') logs.get(line.container)?.append(timestamp(nowNanos()), line.stream, line.text, true);
    }
    const end = ends.get(container.name);
    if (end?.kind === 'event') container.replay('die', end.attributes);
  }

  /** Whether the agent's restarts have made it untrue. What people and deployments do stays. */
  function isOver({ container, kind, ...step }: Step): boolean {
    const isOfProgram = kind === 'line' || !('action' in step) || /^(?:die|oom|health|start)/.test(step.action);
    return isOfProgram && (restarted.has(container) || restarted.has(truth.cause ?? ''));
  }

  function perform(step: Step): void {
    if (isOver(step)) return;
    if (step.kind === 'line') {
      logs.get(step.container)?.append(timestamp(step.nanos + shift), step.stream, step.text, true);
      return;
    }
    const { action, attributes } = step;
    if (action === 'create') {
      const inspected = containers.filter((one) => nameOf(one) === step.container).at(-1);
      // The engine sends the event and starts it; a recorded start is then without effect.
      isCreating = true;
      if (inspected !== undefined) create(inspected);
      isCreating = false;
      return;
    }
    const container = engine.container(step.container);
    if (container === undefined) return;
    const health = /^health_status: (\w+)$/.exec(action)?.[1] as SimulatedHealth | undefined;
    if (health !== undefined) {
      const inspected = containers.find((one) => nameOf(one) === step.container);
      container.setHealth(health, health === 'unhealthy' ? (inspected?.State.Health?.Log?.at(-1)?.Output ?? '') : '');
    } else if (action === 'network connect') container.connect(attributes.network ?? '');
    else if (action === 'network disconnect') container.disconnect(attributes.network ?? '');
    else container.replay(action, attributes);
  }

  return {
    prepare() {
      shift = nowNanos() - begins;
      const created = new Set(
        steps.flatMap((step) => (step.kind === 'event' && step.action === 'create' ? [step.container] : [])),
      );
      for (const inspected of containers) {
        const name = nameOf(inspected);
        // One that is created and never removed does not exist yet.
        const isReplaced = steps.some(
          (step) => step.kind === 'event' && step.action === 'destroy' && step.container === name,
        );
        if (!created.has(name) || isReplaced) {
          if (engine.container(name) === undefined) create(inspected);
        }
      }
      for (const step of steps) if (step.nanos < begins) perform(step);
    },
    async play() {
      playing = true;
      shift = nowNanos() - begins;
      let at = begins;
      for (const step of steps) {
        if (step.nanos < begins) continue;
        const pause = step.nanos - at;
        if (pause > LONGEST_PAUSE) shift -= pause - LONGEST_PAUSE;
        at = step.nanos;
        const due = Number((step.nanos + shift) / 1_000_000n);
        if (due > clock.now()) await clock.sleep(due - clock.now());
        perform(step);
      }
    },
  };
}
