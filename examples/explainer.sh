#!/bin/sh
# An explainer for the documentation, made where the documentation is built.
#
#   sh examples/explainer.sh docs/load-balancer-explainer.mp4 [more options of ltx-generate]
set -eu
output=${1:?usage: explainer.sh OUTPUT.mp4}
shift
ltx-generate \
  --prompt "Animated diagram showing how a load balancer distributes requests across three \
servers. Clean, minimal style with blue and white colors. Arrows show request flow. One server \
turns red indicating failure, and the load balancer routes around it." \
  --style motion-graphics --resolution 1920x1080 --fps 24 --duration 15 \
  --output "$output" "$@"
