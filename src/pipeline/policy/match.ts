import type { ContainerRef } from '../../domain/containers.ts';
import { globToRegExp } from '../../lib/glob.ts';
import { repositoryOf } from '../../lib/image-name.ts';

/**
 * Selects the containers that a rule applies to. Every field that is present must match; one of its values suffices. The
 * values are globs: `*` is any characters, `?` is one.
 */
export interface Match {
  readonly name?: readonly string[];
  /** Compared with the image as given, without its tag, and without tag and registry. */
  readonly image?: readonly string[];
  /** The compose project. */
  readonly project?: readonly string[];
  /** See ContainerRef. */
  readonly service?: readonly string[];
  /** `name`, or `name=value`. */
  readonly label?: readonly string[];
}

/** A field without values matches nothing. */
export function matches(match: Match, container: ContainerRef): boolean {
  const { name, image, project, service, label } = match;
  if ([name, image, project, service, label].every((field) => field === undefined)) return false;
  return (
    (name === undefined || matchesAny(name, [container.name])) &&
    (image === undefined || matchesAny(image, formsOf(container.image))) &&
    (project === undefined || matchesAny(project, container.project === undefined ? [] : [container.project])) &&
    (service === undefined || matchesAny(service, servicesOf(container))) &&
    (label === undefined || label.some((wanted) => hasLabel(container.labels, wanted)))
  );
}

function matchesAny(globs: readonly string[], texts: readonly string[]): boolean {
  return globs.some((glob) => {
    const matcher = globToRegExp(glob);
    return texts.some((text) => matcher.test(text));
  });
}

/** A job of `docker compose run` has a service of its own. A rule for the compose service applies to it too. */
function servicesOf({ service, labels }: ContainerRef): readonly string[] {
  const ofCompose = labels['com.docker.compose.service'];
  return ofCompose === undefined ? [service] : [service, ofCompose];
}

function formsOf(image: string): readonly string[] {
  return [image, image.replace(/@.*$/, '').replace(/:[^/:]*$/, ''), repositoryOf(image)];
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const name = at === -1 ? wanted : wanted.slice(0, at);
  const values = Object.entries(labels).flatMap(([label, value]) => (globToRegExp(name).test(label) ? [value] : []));
  return at === -1 ? values.length > 0 : matchesAny([wanted.slice(at + 1)], values);
}
