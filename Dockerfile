# The image of all commands: worker (the default), topics, gateway, scripted-model, dlt, session.
#
#   docker build -t ssammu-worker .
#   docker run --rm ssammu-worker --help
#
# Build arguments:
#   RUST_VERSION    the compiler: the one of rust-toolchain.toml
#   DEBIAN_VERSION  the release that is built on and run on: librdkafka links against its OpenSSL
#   DEBIAN_DATE     the image of that release: a tag that is never made anew, so that two builds begin with the same
#   VERSION         what the image's label says, such as a tag or a commit
ARG RUST_VERSION=1.95.0
ARG DEBIAN_VERSION=trixie
ARG DEBIAN_DATE=20261005

FROM rust:${RUST_VERSION}-${DEBIAN_VERSION} AS build
WORKDIR /build

# The dependencies in a layer of their own, with an empty program in the place of ours: they take most of the time, and
# are built again only when Cargo.toml or Cargo.lock change. Tests and benches that Cargo.toml names have to exist, too.
# The empty program is cleaned away, because cargo compares times, and files from a checkout can be older than this layer.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/e2e tests/bench/parts tests/bench/system \
    && echo 'fn main() {}' | tee src/main.rs tests/e2e/main.rs tests/bench/parts/time.rs tests/bench/parts/instructions.rs \
        tests/bench/system/main.rs >src/lib.rs \
    && cargo build --release --locked \
    && cargo clean --release --package ssammu-worker

# What it is made of, and under which licences, as the lock file and the sources that were just built say.
RUN apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
COPY LICENSE-APACHE LICENSE-MIT ./
COPY image image
RUN image/components.py components

COPY src src
RUN cargo build --release --locked

FROM debian:${DEBIAN_VERSION}-${DEBIAN_DATE}-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3t64 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/LICENSE-APACHE /build/LICENSE-MIT /build/components/ /usr/share/doc/ssammu-worker/
COPY --from=build /build/target/release/ssammu-worker /usr/local/bin/
# Here it is seen that its libraries are there.
RUN ["ssammu-worker", "--version"]

ARG VERSION=unknown
LABEL org.opencontainers.image.title="ssammu-worker" \
      org.opencontainers.image.description="Kafka worker that answers CareerBee's feedback and résumé requests with a language model" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"

# Health and metrics have to be reached from outside the container; logs are read by machines.
ENV HTTP_ADDR=0.0.0.0:8080 LOG_FORMAT=json
EXPOSE 8080

# By number, so that Kubernetes can see that it is not root. Nothing is written to the file system.
USER 10001:10001

# The program is process 1 and handles SIGTERM: what is in work gets SHUTDOWN_GRACE. Give `docker stop` longer than that.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ssammu-worker"]
CMD ["run"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["ssammu-worker", "healthcheck"]
