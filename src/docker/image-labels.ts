/** Finds out which labels of a container come from its image: the engine merges both when it creates the container. */
import type { LabelOrigin } from '../domain/containers.ts';
import { EngineError } from '../errors.ts';
import { createLimit } from '../lib/limit.ts';

type Labels = Readonly<Record<string, string>>;

export interface LabelledContainer {
  readonly id: string;
  /** Undefined if the engine does not say it. */
  readonly imageId: string | undefined;
  readonly labels: Labels;
}

export interface ImageLabels {
  /** Asks the engine about the images that are not known yet. Never rejects, and ends within `DEADLINE_MS`. */
  learn(containers: readonly LabelledContainer[], signal?: AbortSignal): Promise<void>;
  /** The same object as long as the answer is the same. */
  originOf(containerId: string): LabelOrigin;
  /** Forgets all containers but these. */
  keepOnly(containerIds: readonly string[]): void;
  /** Whether the engine or a proxy refuses the request. */
  refused(): boolean;
}

const DEADLINE_MS = 3_000;
const AT_ONCE = 4;
/** After a failed or refused request, images are not asked about for this long. */
const RETRY_AFTER_MS = 60_000;
/** Bounds the memory: images are pulled as long as the agent runs. */
const MAX_IMAGES = 2_000;

const PENDING: LabelOrigin = { kind: 'pending' };
const UNKNOWABLE: LabelOrigin = { kind: 'unknowable' };
const COMPOSE = 'com.docker.compose.';

/** `inspectImage`: rejects with an EngineError. Answers with the labels of the image. */
export function createImageLabels(options: {
  inspectImage(imageId: string, signal: AbortSignal): Promise<Labels>;
  monotonic(): number;
}): ImageLabels {
  const { inspectImage, monotonic } = options;
  /** `null`: the image does not exist any more, or the engine cannot describe it. */
  const images = new Map<string, Labels | null>();
  const origins = new Map<string, LabelOrigin>();
  let refused = false;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  const ask = async (imageId: string, signal: AbortSignal): Promise<void> => {
    if (signal.aborted || monotonic() < pausedUntil) return;
    try {
      images.set(imageId, await inspectImage(imageId, signal));
      refused = false;
    } catch (error) {
      const reason = error instanceof EngineError ? error.reason : 'unreachable';
      refused = reason === 'forbidden';
      if (reason === 'not_found' || reason === 'server_error' || reason === 'protocol') {
        images.set(imageId, null);
        return;
      }
      pausedUntil = monotonic() + RETRY_AFTER_MS;
    }
  };

  const decide = ({ imageId, labels }: LabelledContainer): LabelOrigin => {
    if (imageId === undefined || refused) return UNKNOWABLE;
    const image = images.get(imageId);
    if (image === undefined) return PENDING;
    return image === null ? UNKNOWABLE : { kind: 'known', fromImage: labelsFromImage(labels, image) };
  };

  return {
    async learn(containers, signal) {
      const open = containers.filter(({ id }) => origins.get(id)?.kind !== 'known');
      const unknown = new Set(open.flatMap(({ imageId }) => (imageId && !images.has(imageId) ? [imageId] : [])));
      if (images.size + unknown.size > MAX_IMAGES) images.clear();
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
      const limit = createLimit(AT_ONCE);
      await Promise.all([...unknown].map((imageId) => limit(() => ask(imageId, either))));
      for (const container of open) origins.set(container.id, decide(container));
    },
    originOf: (containerId) => origins.get(containerId) ?? PENDING,
    keepOnly(containerIds) {
      const kept = new Set(containerIds);
      for (const id of origins.keys()) if (!kept.has(id)) origins.delete(id);
    },
    refused: () => refused,
  };
}

/**
 * A label with the image's value may also have been given to the container: it counts as the image's. But Compose labels
 * the images that it builds with project and service too. Containers of Compose have further labels that no image has.
 */
function labelsFromImage(labels: Labels, image: Labels): ReadonlySet<string> {
  const same = Object.keys(labels).filter((name) => Object.hasOwn(image, name) && image[name] === labels[name]);
  const fromImage = new Set(same);
  const madeByCompose = Object.keys(labels).some((name) => name.startsWith(COMPOSE) && !fromImage.has(name));
  if (madeByCompose) for (const name of same) if (name.startsWith(COMPOSE)) fromImage.delete(name);
  return fromImage;
}

/** Labels by which orchestrators mark their containers. Those of an image say nothing about the container. */
const OF_ORCHESTRATORS = /^(?:com\.docker\.|io\.kubernetes\.|com\.hashicorp\.|com\.amazonaws\.)/;

/** The labels without those of orchestrators that come from the image. */
export function withoutForeignIdentity(labels: Labels, origin: LabelOrigin | undefined): Labels {
  if (origin?.kind !== 'known' || origin.fromImage.size === 0) return labels;
  const kept = Object.entries(labels).filter(([name]) => !(OF_ORCHESTRATORS.test(name) && origin.fromImage.has(name)));
  return Object.fromEntries(kept);
}
