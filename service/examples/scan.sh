#!/bin/sh
# Sends a video to the scanning service and waits for its result, with curl alone.
#
#   LTX_URL=https://scans.example.org LTX_API_KEY=ltx_… sh scan.sh VIDEO
#
# Prints the result as JSON. Exit codes: 0 a result, 2 usage, 3 the service refused the file,
# 4 it could not be reached or did not finish in time. A repeated request never scans twice: the
# idempotency key is the hash of the file.
set -eu

video=${1:?usage: scan.sh VIDEO}
url=${LTX_URL:-http://127.0.0.1:8080}
tries=${LTX_TRIES:-60}
[ -r "$video" ] || { echo "scan.sh: cannot read $video" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The key goes in by a file: what stands on a command line, others can see.
( umask 077; printf 'header = "Authorization: Bearer %s"\n' "${LTX_API_KEY:-}" > "$work/key" )
[ -n "${LTX_API_KEY:-}" ] || : > "$work/key"

# ask STATUS-FILE-PREFIX CURL-ARGUMENTS…: the body lands in $1.body, the headers in $1.head; prints
# the status.
ask() {
  into=$1; shift
  curl --silent --show-error --config "$work/key" --max-time 120 \
       --dump-header "$into.head" --output "$into.body" --write-out '%{http_code}' "$@" || echo 000
}
header() { tr -d '\r' < "$1" | sed -n "s/^$2: *//Ip" | tail -n 1; }

left=$tries
while :; do
  status=$(ask "$work/sent" --request POST --header 'Content-Type: application/octet-stream' \
               --header "Idempotency-Key: $(sha256sum < "$video" | cut -d ' ' -f 1)" \
               --header 'Prefer: wait=10' --upload-file "$video" "$url/v1/scans?depth=full")
  case $status in
    200) cat "$work/sent.body"; exit 0 ;;
    202) break ;;
    408|409|429|503|*000) ;;  # later: too many requests, a full queue, a restart
    *) cat "$work/sent.body" >&2; exit 3 ;;
  esac
  left=$((left - 1)); [ "$left" -gt 0 ] || { echo "scan.sh: $url did not take the file" >&2; exit 4; }
  wait=$(header "$work/sent.head" retry-after 2>/dev/null || true)
  sleep "${wait:-2}"
done

scan=$(header "$work/sent.head" location)
while [ "$left" -gt 0 ]; do
  status=$(ask "$work/got" --header 'Prefer: wait=30' "$url$scan")
  if [ "$status" = 200 ] && [ -z "$(header "$work/got.head" retry-after)" ]; then
    cat "$work/got.body"; exit 0
  fi
  case $status in
    200|429|503|*000) ;;
    *) cat "$work/got.body" >&2; exit 3 ;;
  esac
  left=$((left - 1)); sleep 1
done
echo "scan.sh: no result yet; ask again at $url$scan" >&2
exit 4
