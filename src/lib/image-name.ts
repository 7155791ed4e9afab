interface ImageName {
  /** Including the registry: `registry:5000/team/app`. */
  readonly repository: string;
  readonly tag?: string;
}

/** Splits an image reference. A digest is ignored: `registry:5000/team/app:1.2@sha256:…` has the tag `1.2`. */
export function splitImageName(image: string): ImageName {
  const [name = ''] = image.split('@', 1);
  const colon = name.lastIndexOf(':');
  // A colon before a slash belongs to the registry's port.
  if (colon < name.lastIndexOf('/') || colon < 0) return { repository: name };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

/**
 * The repository in an image reference, without registry, tag, digest and the `library/` of official images:
 * `docker.io/library/postgres:17` is `postgres`, `ghcr.io/acme/db@sha256:…` is `acme/db`.
 */
export function repositoryOf(image: string): string {
  const parts = splitImageName(image)
    .repository.split('/')
    .filter((part) => part !== '');
  // The first part is a registry if it looks like a host name. Otherwise it is an owner.
  if (parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '')) parts.shift();
  if (parts.length > 1 && parts[0] === 'library') parts.shift();
  return parts.join('/');
}

/** Whether `image` is an image id. Container listings show one if the tag has moved to another image. */
export function isImageId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{12,64}$/.test(image);
}
