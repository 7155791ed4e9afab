/** The signals that engine events lead to. Summaries are for people. */
import type { ContainerRef } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';

export function crashSignal(container: ContainerRef, at: number, exitCode: number): Signal {
  return {
    container,
    detector: 'crash',
    at,
    fingerprint: `crash/${exitCode}`,
    summary: `exited with code ${exitCode}${meaningOf(exitCode)}`,
    patterns: ['crash', `exit code ${exitCode}`],
    exitCode,
  };
}

export function crashLoopSignal(
  container: ContainerRef,
  at: number,
  exitCode: number,
  loop: { readonly ends: number; readonly minutes: number },
): Signal {
  return {
    container,
    detector: 'crash_loop',
    at,
    fingerprint: 'crash_loop',
    summary: `ended ${loop.ends} times within ${loop.minutes} minutes, last with exit code ${exitCode}`,
    patterns: ['crash loop'],
    exitCode,
  };
}

export function oomSignal(container: ContainerRef, at: number): Signal {
  return {
    container,
    detector: 'oom',
    at,
    fingerprint: 'oom',
    summary: 'a process was killed because the container reached its memory limit',
    patterns: ['oom', 'out of memory'],
  };
}

export function healthSignal(container: ContainerRef, at: number): Signal {
  return {
    container,
    detector: 'health',
    at,
    fingerprint: 'health',
    summary: 'its health check fails',
    patterns: ['unhealthy'],
  };
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
