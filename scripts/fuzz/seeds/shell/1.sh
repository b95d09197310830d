#!/bin/bash
#SBATCH --gres=gpu:h100:4
#SBATCH --nodes=2
set -euo pipefail
MODEL=${1:-org/model}; ARGS=(--max-model-len 8192 "--kv-cache-dtype" fp8)
if [[ $GPUS -gt 1 ]]; then ARGS+=(-tp $((GPUS / 2))); else export A=1; fi
for port in 8000 800{1..3}; do
  CUDA_VISIBLE_DEVICES=$i srun vllm serve "$MODEL" --port $port "${ARGS[@]}" &
done
cat <<EOF > /tmp/x.yaml
model: $MODEL
EOF
case $A in a*|b) docker run --gpus '"device=0,1"' -e X=1 img vllm serve m ;; *) exec python -m vllm.entrypoints.openai.api_server --model "${MODEL//-/_}" ;; esac
wait
