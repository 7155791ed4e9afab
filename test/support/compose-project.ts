/** Containers of a compose project, as compose labels and connects them. */
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';

export interface ServiceOptions extends Omit<SimulatedContainerOptions, 'name' | 'labels' | 'networks'> {
  /** Services, or `service:condition`. */
  readonly dependsOn?: readonly string[];
  readonly networks?: readonly string[];
}

export function composeProject(
  project: string,
  services: Readonly<Record<string, ServiceOptions>>,
): readonly SimulatedContainerOptions[] {
  return Object.entries(services).map(([service, { dependsOn = [], networks, ...options }]) => ({
    image: `${project}/${service}:1`,
    ...options,
    name: `${project}-${service}-1`,
    aliases: [service, ...(options.aliases ?? [])],
    networks: networks ?? [`${project}_default`],
    labels: {
      'com.docker.compose.project': project,
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': '1',
      'com.docker.compose.depends_on': dependsOn
        .map((entry) => (entry.includes(':') ? `${entry}:false` : `${entry}:service_started:false`))
        .join(','),
    },
  }));
}
