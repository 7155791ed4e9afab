import type { ContainerRef, EngineEvent, ListedContainer, Signal } from '../../domain.ts';

/** A loop: this many crashes within the window. Three, because one is an accident and two may be a dependency starting. */
const LOOP_CRASHES = 3;
const LOOP_WINDOW_MS = 5 * 60_000;
/** How long a stop request explains a death (until the next start): `docker stop` waits for minutes only where told to. */
const STOP_EXPLAINS_MS = 10 * 60_000;
/** Signals by which a person or a tool asks a container to end; HUP, USR1 and the like are conversation. */
const ENDING_SIGNALS = new Set([2, 3, 6, 9, 15]);

export interface EventDetector {
  /**
   * Returns the signals that the event gives, in order of weight. `ours`: a restart by the agent itself is
   * under way, so that its stop is no operator's.
   */
  observe(event: EngineEvent, ours: boolean): readonly Signal[];
  /** Of what an earlier run of the agent was told: that a stop was asked for, and by whom is no longer known. */
  recall(event: EngineEvent): void;
  /** Signals for what was already wrong when it was listed: a container that is unhealthy without a transition seen. */
  observeListed(containers: readonly ListedContainer[], now: number): readonly Signal[];
  /** When somebody other than us last asked the container to stop; undefined where nobody did. */
  stopRequestedAt(containerId: string): number | undefined;
  forget(containerId: string): void;
}

interface Life {
  stopRequestedAt?: number;
  /** Kept across the start that follows, for "did a person act meanwhile". */
  lastStopRequestAt?: number;
  unhealthy: boolean;
  crashes: number[];
  /** It died, and its next start has not been told. */
  dead: boolean;
}

/**
 * Makes signals of engine events. A `die` is a crash unless somebody asked for it: every stop, kill, restart
 * and recreate emits `kill` with an ending signal first. Exit code 137 says nothing of memory; only `oom` does.
 */
export function createEventDetector(): EventDetector {
  const lives = new Map<string, Life>();

  const lifeOf = (id: string): Life => {
    let life = lives.get(id);
    if (!life) {
      life = { unhealthy: false, crashes: [], dead: false };
      lives.set(id, life);
    }
    return life;
  };

  const died = (event: EngineEvent, exitCode: number): Signal[] => {
    const life = lifeOf(event.containerId);
    const asked = isStopping(life, event.time);
    life.unhealthy = false;
    life.dead = true;
    if (asked || exitCode === 0) return [];
    // Either way: the clock may have been set back in between.
    life.crashes = [...life.crashes.filter((at) => Math.abs(event.time - at) <= LOOP_WINDOW_MS), event.time];
    const signals: Signal[] = [
      {
        container: event.container,
        detector: 'crash',
        at: event.time,
        fingerprint: `crash/${exitCode}`,
        summary: `exited with code ${exitCode}${meaningOf(exitCode)}`,
        patterns: ['crash', `exit code ${exitCode}`],
        exitCode,
      },
    ];
    if (life.crashes.length >= LOOP_CRASHES) {
      signals.push({
        container: event.container,
        detector: 'crash_loop',
        at: event.time,
        fingerprint: 'crash_loop',
        summary: `crashed ${life.crashes.length} times within ${LOOP_WINDOW_MS / 60_000} minutes, last with exit code ${exitCode}`,
        patterns: ['crash loop'],
        exitCode,
      });
    }
    return signals;
  };

  return {
    observe(event, ours) {
      const { action } = event;
      const life = lifeOf(event.containerId);
      switch (action.kind) {
        case 'kill':
          if (ENDING_SIGNALS.has(action.signal)) {
            life.stopRequestedAt = event.time;
            if (!ours) life.lastStopRequestAt = event.time;
          }
          return [];
        case 'start':
          started(life);
          return [];
        case 'die':
          // Ours to watch: the verification sees how it ends.
          return ours ? [] : died(event, action.exitCode);
        case 'oom':
          return [
            {
              container: event.container,
              detector: 'oom',
              at: event.time,
              fingerprint: 'oom',
              summary: 'a process was killed because the container reached its memory limit',
              patterns: ['oom', 'out of memory'],
            },
          ];
        case 'health':
          // The check of a process that is on its way out fails, too.
          if (isStopping(life, event.time)) return [];
          return healthChanged(life, event.container, event.time, action.status === 'unhealthy');
        case 'destroy':
          lives.delete(event.containerId);
          return [];
        default:
          return [];
      }
    },

    recall({ containerId, action, time }) {
      if (action.kind === 'kill' && ENDING_SIGNALS.has(action.signal)) lifeOf(containerId).stopRequestedAt = time;
      if (action.kind === 'start' || action.kind === 'destroy') lives.delete(containerId);
    },

    observeListed(containers, now) {
      return containers.flatMap(({ ref, health, status }) => {
        if (status !== 'running') return [];
        // Its start was missed: an engine that was restarted has forgotten it.
        const life = lives.get(ref.id);
        if (life?.dead) started(life);
        if (health === 'none' || health === 'starting') return [];
        return healthChanged(lifeOf(ref.id), ref, now, health === 'unhealthy');
      });
    },

    stopRequestedAt: (id) => lives.get(id)?.lastStopRequestAt,
    forget: (id) => void lives.delete(id),
  };
}

function started(life: Life): void {
  life.stopRequestedAt = undefined;
  life.dead = false;
}

function isStopping(life: Life, at: number): boolean {
  return life.stopRequestedAt !== undefined && at - life.stopRequestedAt <= STOP_EXPLAINS_MS;
}

function healthChanged(life: Life, container: ContainerRef, at: number, unhealthy: boolean): Signal[] {
  const became = unhealthy && !life.unhealthy;
  life.unhealthy = unhealthy;
  if (!became) return [];
  return [
    {
      container,
      detector: 'health',
      at,
      fingerprint: 'health',
      summary: 'its health check fails',
      patterns: ['unhealthy'],
    },
  ];
}

/** What exit codes mean by the shell's and the engine's convention (128 + signal number). */
function meaningOf(exitCode: number): string {
  const meanings: Record<number, string> = {
    125: ' (the engine could not run it)',
    126: ' (the command cannot be executed)',
    127: ' (the command was not found)',
    132: ' (SIGILL)',
    134: ' (SIGABRT)',
    136: ' (SIGFPE)',
    137: ' (SIGKILL, not by an operator)',
    139: ' (SIGSEGV)',
    143: ' (SIGTERM, not by an operator)',
  };
  return meanings[exitCode] ?? '';
}
