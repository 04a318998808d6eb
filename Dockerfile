# The released binary in an image with CA certificates, without a shell, for a user without rights.
#
#   make release
#   docker build --build-arg VERSION=0.1.0 -t otelcol-mlflow .
#   docker run --rm --read-only -v mlflow-state:/home/nonroot otelcol-mlflow
#
# The root of a container may be read-only: everything that is written lies in the volume. Without arguments it delivers
# the sample store into a file there; another configuration is mounted, or one of config/ is named:
#
#   docker run --rm --read-only -v mlflow-state:/home/nonroot -e OTELCOL_MLFLOW_SOURCE=http://mlflow:5000 \
#     -e OTELCOL_MLFLOW_ENDPOINT=http://backend:4318 otelcol-mlflow --config config/otlp.yaml
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION
ARG TARGETOS=linux
ARG TARGETARCH=amd64
COPY build/release/otelcol-mlflow_${VERSION}_${TARGETOS}_${TARGETARCH}/ /opt/otelcol-mlflow/
WORKDIR /opt/otelcol-mlflow
USER 65532:65532
ENV OTELCOL_MLFLOW_OUT=/home/nonroot/out OTELCOL_MLFLOW_STATE=/home/nonroot/out
VOLUME /home/nonroot
ENTRYPOINT ["/opt/otelcol-mlflow/otelcol-mlflow"]
CMD ["--config", "config/quickstart.yaml"]
