#!/bin/sh
# Stands in for nad in tests: hands out what lies beside the capture, and remembers how it was called.
set -eu
echo "$*" >>calls
case "$*" in
--version) echo 'nad 9.9'; exit ;;
'features --list') echo '{"packet": ["TTL", "length"], "source": ["rate"]}'; exit ;;
esac
task=$1 capture=$2 kind=
[ -e "$capture" ] || { echo "$capture is not there" >&2; exit 1; }
while [ $# -gt 0 ]; do
    case $1 in
    --without) kind=.without ;;
    --scores) cp "$capture$kind.scores" "$2" ;;
    --incidents) cp "$capture$kind.incidents" "$2" ;;
    --out) cp "$capture.$task" "$2" ;;
    esac
    shift
done
