/** Faults that tests inject into the simulated engine. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { EngineOperation } from './requests.ts';
import { sendJson } from './responses.ts';

export interface EngineFaults {
  /** Destroys all open connections, streams included. New ones are accepted. */
  dropConnections(): void;
  /** Requests of this operation get this status, until `clear` or `times` times. */
  respond(operation: EngineOperation, status: number, message?: string, times?: number): void;
  /** Requests of this operation get no response, until `clear` or `times` times. */
  hang(operation: EngineOperation, times?: number): void;
  /** Log streams that are opened from now on end after this many bytes, at any position. */
  cutLogStreams(afterBytes: number, times?: number): void;
  /** The event streams that are open now stay open and deliver nothing more. */
  muteEvents(): void;
  /** The log streams that are open now stay open and deliver nothing more. */
  muteLogStreams(): void;
  /** New connections are destroyed at once, as if nothing listened. */
  refuseConnections(): void;
  clear(): void;
}

/** The part of the faults that requests and connections are checked against. */
interface FaultState extends EngineFaults {
  /** Tracks a new connection, or destroys it. */
  accept(socket: Socket): void;
  /** Answers the request, or leaves it without an answer, and returns true if a fault applies to it. */
  intercept(operation: EngineOperation, response: ServerResponse): boolean;
  /** How many bytes the next log stream may deliver; undefined: all. */
  takeLogCut(): number | undefined;
}

type Fault = { kind: 'respond'; status: number; message: string; times: number } | { kind: 'hang'; times: number };

export function createFaults(streams: Pick<EngineFaults, 'muteEvents' | 'muteLogStreams'>): FaultState {
  const sockets = new Set<Socket>();
  const faults = new Map<EngineOperation, Fault>();
  let cut = { afterBytes: 0, times: 0 };
  let refusing = false;

  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    ...streams,
    dropConnections,
    respond(operation, status, message = 'simulated fault', times = Number.POSITIVE_INFINITY) {
      faults.set(operation, { kind: 'respond', status, message, times });
    },
    hang(operation, times = Number.POSITIVE_INFINITY) {
      faults.set(operation, { kind: 'hang', times });
    },
    cutLogStreams(afterBytes, times = Number.POSITIVE_INFINITY) {
      cut = { afterBytes, times };
    },
    refuseConnections() {
      refusing = true;
      dropConnections();
    },
    clear() {
      faults.clear();
      cut = { afterBytes: 0, times: 0 };
      refusing = false;
    },

    accept(socket) {
      if (refusing) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    },
    intercept(operation, response) {
      const fault = faults.get(operation);
      if (fault === undefined || fault.times <= 0) return false;
      fault.times -= 1;
      if (fault.kind === 'respond') sendJson(response, fault.status, { message: fault.message });
      return true;
    },
    takeLogCut() {
      if (cut.times <= 0) return undefined;
      cut.times -= 1;
      return cut.afterBytes;
    },
  };
}
