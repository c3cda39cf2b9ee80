# A production server in a container that holds nothing else: docs/operations/install.md.
#
#   docker build -t platen .                            built in a container: needs a network
#   cargo xtask dist static && \
#       docker build -t platen --build-arg BINARY=packaged .     the binary that is built already
ARG BINARY=built

FROM docker.io/library/rust:1.95.0-bookworm AS built
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools
WORKDIR /usr/src/platen
COPY . .
RUN rustup target add "$(uname -m)-unknown-linux-musl" \
    && cargo xtask dist static \
    && mkdir -p /image/usr/bin /image/etc/ssl/certs \
    && cp target/dist/platen-*-unknown-linux-musl /image/usr/bin/platen \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/

# Without the certificates of authorities: mount those of the host on /etc/ssl/certs.
FROM scratch AS packaged
COPY target/dist/platen-*-unknown-linux-musl /image/usr/bin/platen

FROM ${BINARY} AS chosen

FROM scratch
COPY --from=chosen /image /
# A number: there is no list of users in here.
USER 10001:10001
WORKDIR /var/lib/platen
# The API. The operators' address is for the container's own network.
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/bin/platen", "ready", "--config", "/etc/platen/platen.toml"]
ENTRYPOINT ["/usr/bin/platen"]
CMD ["serve", "--config", "/etc/platen/platen.toml", "--log-format", "json", "--log-to", "stdout"]
