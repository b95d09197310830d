#!/bin/sh
# Runs anywhere `costmeter` is installed. Stops a pipeline before it rolls out a deployment that would not fit its GPU.
#   examples/ci_fit_check.sh examples/models/llama-3.1-8b "RTX 4090" 16384
# Exit code: 0 fits, 1 refused, 2 bad input, 3 not understood (let a person decide).
set -eu
exec costmeter check "$1" --gpu "$2" --max-model-len "$3"
