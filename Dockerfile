# The official images by default; any pair with Rust 1.95, a C compiler and glibc will do.
# The run image's glibc must not be older than the build image's, or nad doesn't start there.
ARG BUILD_IMAGE=rust:1.95-slim-bookworm
ARG RUN_IMAGE=debian:bookworm-slim

# The manifests, and an empty file for each target they name: all that the dependencies depend on.
FROM ${BUILD_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name '*.toml' ! -name Cargo.lock ! -name '*.rs' -delete \
    && find . -path '*/src/*' -type f ! -name lib.rs ! -name main.rs -delete \
    && find . -type f -name '*.rs' -exec sh -c 'for file; do echo "fn main() { }" > "$file"; done' sh {} +

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
# This layer stays as long as the manifests do: a changed source doesn't build the dependencies again. What was built
# of the empty files goes, because cargo goes by time, and the real files may be older.
COPY --from=manifests /src .
RUN cargo build --locked --release --package nad --bin nad \
    && cargo clean --locked --offline --release --workspace
COPY . .
RUN cargo build --locked --offline --release --package nad --bin nad

FROM ${RUN_IMAGE}
ARG RUN_IMAGE
LABEL org.opencontainers.image.title="nad" \
    org.opencontainers.image.description="A passive network-anomaly sensor for Linux" \
    org.opencontainers.image.licenses="(MIT OR Apache-2.0) AND (MIT OR GPL-2.0-only)" \
    org.opencontainers.image.base.name="${RUN_IMAGE}"
COPY --from=build /src/target/release/nad /usr/local/bin/nad
COPY dist/docker/healthy /usr/local/bin/healthy
# nad.toml is read here, logs/ is written, and state/ is for what settings name. docs/docker.md says which capabilities to give.
WORKDIR /var/lib/nad
VOLUME ["/var/lib/nad/logs", "/var/lib/nad/state"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/local/bin/healthy"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/nad"]
CMD ["run"]
