import type { ContainerRef } from '../../domain.ts';
import { globToRegExp } from '../../lib/glob.ts';
import { repositoryOf } from '../../lib/image-name.ts';

/**
 * Which containers a rule is for: every field given must match, one of its values is enough. All are globs
 * (`*` any characters, `?` one).
 */
export interface Match {
  readonly name?: readonly string[];
  /** Compared with the image as written, without its tag, and without its registry. */
  readonly image?: readonly string[];
  /** The compose project. */
  readonly project?: readonly string[];
  /** The compose service, or the name without its replica number. */
  readonly service?: readonly string[];
  /** `name`, or `name=value`. */
  readonly label?: readonly string[];
}

/** A field that is there but empty matches nothing. */
export function matches(match: Match, container: ContainerRef): boolean {
  const { name, image, project, service, label } = match;
  if ([name, image, project, service, label].every((field) => field === undefined)) return false;
  return (
    (name === undefined || finds(name, [container.name])) &&
    (image === undefined || finds(image, spellingsOf(container.image))) &&
    (project === undefined || finds(project, container.project === undefined ? [] : [container.project])) &&
    (service === undefined || finds(service, servicesOf(container))) &&
    (label === undefined || label.some((wanted) => hasLabel(container.labels, wanted)))
  );
}

function finds(globs: readonly string[], texts: readonly string[]): boolean {
  return globs.some((glob) => {
    const matcher = globToRegExp(glob);
    return texts.some((text) => matcher.test(text));
  });
}

/** A job of `docker compose run` has a service of its own; a rule for the compose service holds for it, too. */
function servicesOf({ service, labels }: ContainerRef): readonly string[] {
  const ofCompose = labels['com.docker.compose.service'];
  return ofCompose === undefined ? [service] : [service, ofCompose];
}

function spellingsOf(image: string): readonly string[] {
  return [image, image.replace(/@.*$/, '').replace(/:[^/:]*$/, ''), repositoryOf(image)];
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  const name = at === -1 ? wanted : wanted.slice(0, at);
  const values = Object.entries(labels).flatMap(([label, value]) => (globToRegExp(name).test(label) ? [value] : []));
  return at === -1 ? values.length > 0 : finds([wanted.slice(at + 1)], values);
}
