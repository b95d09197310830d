# vLLM's own image with the plugin. DIR has the wheel of vllm-costmeter, or nothing: then it comes from the package index.
#   docker build -t vllm-costmeter:0.1.0 -f server.Dockerfile DIR
ARG VLLM_VERSION=v0.32.0
FROM vllm/vllm-openai:${VLLM_VERSION}
# As vLLM's documentation extends the image.
RUN --mount=type=bind,target=/wheels \
    uv pip install --system --no-cache --find-links file:///wheels vllm-costmeter==0.1.0
