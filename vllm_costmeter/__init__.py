"""vllm-costmeter: what self-hosted vLLM serving costs, and whether a deployment fits."""

__version__ = "0.1.0"
