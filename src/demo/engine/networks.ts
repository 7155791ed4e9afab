/** User-defined networks: addresses as the engine assigns them, and a container's endpoints on the networks. */

export interface Addresses {
  /** The lowest free address of the network. */
  take(network: string): string;
  free(network: string, address: string): void;
}

/** The engine's default pool begins with 172.18.0.0/16; the gateway has the first address of each network. */
const FIRST_NETWORK = 18;
const FIRST_HOST = 2;

export function createAddresses(): Addresses {
  const networks: string[] = [];
  const taken = new Set<string>();
  return {
    take(network) {
      if (!networks.includes(network)) networks.push(network);
      const prefix = `172.${FIRST_NETWORK + networks.indexOf(network)}`;
      for (let host = FIRST_HOST; ; host++) {
        const address = `${prefix}.${host >> 8}.${host & 255}`;
        if (taken.has(`${network} ${address}`)) continue;
        taken.add(`${network} ${address}`);
        return address;
      }
    },
    free: (network, address) => void taken.delete(`${network} ${address}`),
  };
}

export interface Endpoints {
  /** The container starts. */
  attach(): void;
  /** The container ends: its addresses are free for others. */
  detach(): void;
  connect(network: string, running: boolean): void;
  disconnect(network: string): void;
  address(network: string): string;
  /** As in inspect. */
  json(containerName: string): Record<string, unknown>;
}

export function createEndpoints(
  addresses: Addresses,
  networks: readonly string[],
  aliases: readonly string[],
): Endpoints {
  /** By network; empty while the container does not run. */
  const endpoints = new Map(networks.map((network) => [network, '']));
  const release = (network: string): void => {
    const address = endpoints.get(network) ?? '';
    if (address !== '') addresses.free(network, address);
  };
  return {
    attach() {
      for (const [network, address] of endpoints) if (address === '') endpoints.set(network, addresses.take(network));
    },
    detach() {
      for (const network of endpoints.keys()) {
        release(network);
        endpoints.set(network, '');
      }
    },
    connect(network, running) {
      if (!endpoints.has(network)) endpoints.set(network, running ? addresses.take(network) : '');
    },
    disconnect(network) {
      release(network);
      endpoints.delete(network);
    },
    address: (network) => endpoints.get(network) ?? '',
    json: (containerName) =>
      Object.fromEntries(
        Array.from(endpoints, ([network, address]) => [
          network,
          { IPAddress: address, Aliases: [containerName, ...aliases], NetworkID: network },
        ]),
      ),
  };
}
