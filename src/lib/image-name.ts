/**
 * The repository in an image reference, without registry, tag, digest and the `library/` of official
 * images: `docker.io/library/postgres:17` is `postgres`, `ghcr.io/acme/db@sha256:…` is `acme/db`.
 */
export function repositoryOf(image: string): string {
  const untagged = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const parts = untagged.split('/').filter((part) => part !== '');
  // The first part is a registry where it looks like a host; otherwise it is somebody's name.
  if (parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '')) parts.shift();
  if (parts.length > 1 && parts[0] === 'library') parts.shift();
  return parts.join('/');
}

/** A listing shows the image's id once its tag has moved on to another. */
export function isImageId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{12,64}$/.test(image);
}
