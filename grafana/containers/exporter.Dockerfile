# `costmeter exporter`, for servers that the plugin cannot enter: not root, and nothing is written outside /state.
# DIR has the wheel of vllm-costmeter, or nothing: then it comes from the package index.
#   docker build -t costmeter-exporter:0.1.0 -f exporter.Dockerfile DIR
#   docker run --read-only -v costmeter-state:/state -p 127.0.0.1:9841:9841 costmeter-exporter:0.1.0 \
#     --target http://HOST:8000/metrics --gpu-hourly-usd 3.84
ARG PYTHON_VERSION=3.13
FROM python:${PYTHON_VERSION}-slim AS build
RUN --mount=type=bind,target=/wheels \
    python3 -m venv --without-pip /opt/costmeter \
    && python3 -m pip --python /opt/costmeter install --no-cache-dir --find-links file:///wheels vllm-costmeter==0.1.0

FROM python:${PYTHON_VERSION}-slim
COPY --from=build /opt/costmeter /opt/costmeter
# The ledger is here; whoever mounts a volume keeps it. 65532 is "nonroot" in distroless images.
RUN install -d -o 65532 -g 65532 -m 0700 /state
ENV PATH=/opt/costmeter/bin:$PATH XDG_STATE_HOME=/state
VOLUME /state
USER 65532:65532
EXPOSE 9841
ENTRYPOINT ["costmeter", "exporter", "--host", "0.0.0.0"]
