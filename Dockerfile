# No BuildKit syntax, so that podman, kaniko and older engines can build it.
ARG NODE_IMAGE=node:24.21-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts are needed. The dev dependency `node` is for machines without Node 24.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY scripts/build-web.ts scripts/bundle.ts ./scripts/
COPY src ./src
RUN npm run build:web && node scripts/bundle.ts dist

FROM ${NODE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="container-doctor" \
      org.opencontainers.image.description="Watches Docker containers, diagnoses problems with Claude, restarts if that is safe, alerts in Slack" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Two malloc arenas instead of eight per core save about 4 MB. V8's parser and compilers allocate pieces of 32 KB, which
# malloc returns when they are free if they are mapped separately: 3 MB less beside 200 containers, 22 MB beside 1,000.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=32768 \
    MALLOC_TRIM_THRESHOLD_=65536 \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=8080
# Before VOLUME, because a new named volume takes over the owner. The base image's user `node` is 1000.
RUN mkdir -m 0750 /data && chown node:node /data
WORKDIR /app
# Owned by root, so that the agent cannot change its own program.
COPY LICENSE package.json ./
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Failures during the first 10 s do not count, because the agent is still starting.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "dist/main.js", "healthcheck"]
# By default a semi-space of V8's young generation grows to 32 MB while the modules load, and the memory is never
# returned: 30 MB more than the agent needs. --optimize-for-size saves another 5 MB and makes detection a tenth slower.
# --no-turbofan saves 5 MB, the pages of that compiler: detection is up to a third slower, and still several times as
# fast as an engine delivers lines.
ENTRYPOINT ["node", "--max-semi-space-size=2", "--optimize-for-size", "--no-turbofan", "dist/main.js"]
