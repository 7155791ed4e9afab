# No BuildKit-only syntax: it also builds with podman, kaniko and older engines.
ARG NODE_IMAGE=node:24.21-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install script of any package is needed: the dev dependency `node` is for machines without Node 24.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="container-doctor" \
      org.opencontainers.image.description="Watches Docker containers, diagnoses real trouble with Claude, restarts where it is safe, tells Slack" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Two heaps of glibc's malloc instead of eight a core: some 4 MB less.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=8080
# Before VOLUME: a new named volume takes over this owner. 1000 is the base image's `node`.
RUN mkdir -m 0750 /data && chown node:node /data
WORKDIR /app
# Owned by root: the agent cannot rewrite itself.
COPY LICENSE package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# 10 s to start: the first diagnosis may wait, the liveness answer does not.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "dist/main.js", "healthcheck"]
# The young generation's default of 32 MB a half fills up while the modules load, and is never given back:
# 30 MB more for an agent that allocates next to nothing. Optimizing for size saves another 5 MB, for a third of
# detection's speed, of which there is three times what is needed.
ENTRYPOINT ["node", "--max-semi-space-size=2", "--optimize-for-size", "dist/main.js"]
