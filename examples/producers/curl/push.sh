#!/usr/bin/env bash
# Pushes one event, shows a refusal, and waits until what the event states is in the refined zone.
#
# Usage: push.sh [BASE_URL [LAKE_FOLDER]]
set -euo pipefail

base_url=${1:-http://127.0.0.1:8470}
lake=${2:-polelake-data}
wait_seconds=${WAIT_SECONDS:-60}
# Tenures come with patches: the transform keeps what each event states, and a day's merge makes the rows.
refined=$lake/s3/refined/refined/_records/housing-tenure

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "push.sh: $*" >&2; exit 1; }

new_id() { uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid; }

# A tenure that starts today, as the housing system would send it. Each call makes another one.
new_event() {
    cat <<JSON
{
  "id": "$(new_id)",
  "eventType": "TenureCreatedEvent",
  "dateTime": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "entityId": "$(new_id)",
  "eventData": {
    "newData": {
      "tenureType": {"code": "SEC", "description": "Secure"},
      "startOfTenureDate": "$(date -u +%Y-%m-%d)",
      "charges": {"rent": 118.4, "billingFrequency": "Weekly"}
    }
  }
}
JSON
}

# Posts standard input, prints the HTTP status, and keeps the answer's body. curl's own exit code ends the script.
post_event() {
    curl --silent --show-error --max-time 30 \
        --header 'content-type: application/json' --data-binary @- \
        --output "$scratch/answer.json" --write-out '%{http_code}' \
        "$base_url/v1/housing-tenure/events"
}

touch "$scratch/before"

echo "1. An event that fits the contract"
status=$(new_event | post_event)
echo "   $status $(cat "$scratch/answer.json")"
[ "$status" = 202 ] || fail "the event was not accepted"

echo "2. The same event without its entityId: the answer names the rule and the field, never a value"
status=$(new_event | grep -v '"entityId"' | post_event)
echo "   $status $(cat "$scratch/answer.json")"
[ "$status" = 422 ] || fail "an event without a key should be refused with 422"

echo "3. What the event states of its tenure"
for ((second = 0; second < wait_seconds; second++)); do
    statement=$(find "$refined" -name '*.parquet' -newer "$scratch/before" -print -quit 2>/dev/null || true)
    if [ -n "$statement" ]; then
        echo "   after $second s in $statement"
        exit 0
    fi
    sleep 1
done
fail "nothing new below $refined after $wait_seconds s"
