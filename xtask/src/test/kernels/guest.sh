#!/bin/busybox sh
# What a guest does: it says what it found as lines that begin with "@", which the task that booted it judges.
# shellcheck shell=dash

/bin/busybox --install -s /bin
export PATH=/tools:/bin HOME=/tmp RUST_BACKTRACE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devices /dev
mount -t tmpfs memory /tmp
mkdir -p /run/netns
cd /tmp

# Not busybox's own, which a shell of busybox prefers to what is on PATH.
ip() { /tools/ip "$@"; }
tc() { /tools/tc "$@"; }

say() { echo "@ $*"; }

# Waits, for so many seconds at most, until a command succeeds.
await() {
    left=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.2
    done
}

# start NAME ARGUMENT...: starts nad, and waits until it watches or has ended.
start() {
    name=$1
    shift
    "$@" >"$name.out" 2>"$name.err" &
    nad=$!
    await 60 watches_or_ended
}
# What has ended is a zombie until the shell has noticed it.
has_ended() { [ ! -d "/proc/$nad" ] || grep -q '^State:.Z' "/proc/$nad/status"; }
watches_or_ended() { grep -q 'Starting packet capture' "$name.err" "$name.out" || has_ended; }

# Ends it as Ctrl-C does, and tells what it said.
finish() {
    # What was sent last has been received, and is read within 5 ms.
    sleep 0.5
    kill -INT $nad 2>/dev/null
    wait $nad
    say "$name code $?"
    sed -n "s/^{/@ $name json {/p" "$name.out"
    sed "s/^/@ $name error /" "$name.err"
}

# A module and what it needs; what is loaded already is refused.
load() {
    while read -r module; do
        insmod "$module" 2>/dev/null
    done <"/lib/modules/$1.load"
}

in_peer() { ip netns exec peer "$@"; }
pings() { in_peer ping -q -c 20 -i 0.1 -W 5 10.77.0.1; }
packets() { cat "/sys/class/net/v0/statistics/$1"; }
peer_packets() { in_peer cat "/sys/class/net/v1/statistics/$1"; }

# Loaded programs of nad, by the names of what the kernel compiled of them.
programs() { grep -c 'bpf_prog_[0-9a-f]*_nad_' /proc/kallsyms; }
filters() { tc filter show dev v0 egress | grep -c nad_egress; }
has_xdp() { ip link show dev v0 | grep -q 'prog/xdp'; }
state() { say "$1 xdp $(has_xdp && echo 1 || echo 0) filters $(filters) programs $(programs)"; }

say release "$(uname -r)"
say version "$(uname -v)"
sysctl -q -w net.core.bpf_jit_kallsyms=1 net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
load veth
ip netns add peer
ip netns exec peer sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add v0 address 02:00:00:00:77:01 type veth peer name v1 address 02:00:00:00:77:02 netns peer
in_peer ip link set lo up
ip addr add 10.77.0.1/24 dev v0
in_peer ip addr add 10.77.0.2/24 dev v1
ip link set v0 up
in_peer ip link set v1 up
# So that nothing is sent but what is counted.
ip neigh add 10.77.0.2 lladdr 02:00:00:00:77:02 dev v0 nud permanent
in_peer ip neigh add 10.77.0.1 lladdr 02:00:00:00:77:01 dev v1 nud permanent

# The verifier's statistics, and every frame of the table as in userspace, byte for byte.
kernel-tests --ignored --nocapture --test-threads=1 verifier table::every_frame sampling::the_kernel >tests 2>&1
say tests code $?
sed -n 's/^.*verifier: nad_/@ verifier nad_/p' tests
sed -n 's/^test result: /@ tests result /p' tests
grep -A 3 -i panicked tests

nad doctor --iface v0 >doctor 2>&1
say doctor code $?
sed 's/^/@ doctor line /' doctor

start lo nad run --iface lo --format json
ping -q -c 20 -i 0.1 -W 5 127.0.0.1
finish

# Before Linux 6.6, egress needs modules that are not there yet: received packets alone, or an error where asked for more.
start fallback nad run --iface v0 --format json
pings
finish
start explicit nad run --iface v0 --format json --direction both
finish

load sch_ingress
load cls_bpf

for direction in both ingress egress; do
    before="$(packets rx_packets) $(packets tx_packets) $(peer_packets rx_packets) $(peer_packets tx_packets)"
    start $direction nad run --iface v0 --format json --direction $direction
    pings
    finish
    after="$(packets rx_packets) $(packets tx_packets) $(peer_packets rx_packets) $(peer_packets tx_packets)"
    say $direction interface "$before $after"
done

# Locked memory counts before Linux 5.11, and only who may raise the limit gets on.
ulimit -l 64
start memlock /tools/setpriv --bounding-set=-sys_resource nad run --iface v0 --format json
finish

# A baseline of pings and requests, then 300 ports at once.
mkdir -p www && echo here >www/index.html
httpd -p 10.77.0.1:80 -h /tmp/www
start scan nad run --iface v0 --format json --train-for 20s
cat >usual.sh <<'USUAL'
while true; do
    ping -q -c 3 -i 0.2 -W 5 10.77.0.1 >/dev/null
    wget -q -O /dev/null http://10.77.0.1/index.html
done
USUAL
# Not by the function: its subshell would be what is ended, and the traffic would go on.
/tools/ip netns exec peer sh usual.sh &
traffic=$!
await 90 grep -q 'baseline learnt' scan.err
sleep 2
in_peer sh -c 'port=1000; while [ $port -lt 1300 ]; do nc -w 2 10.77.0.1 $port </dev/null; port=$((port + 1)); done' 2>/dev/null
await 30 grep -q 'port scan' scan.out
kill $traffic
wait $traffic
# What it had begun ends by itself.
await 20 sh -c '! pidof ping wget >/dev/null'
finish

start killed nad run --iface v0 --format json
state attached
kill -9 $nad
wait $nad
await 20 sh -c '! /tools/ip link show dev v0 | grep -q prog/xdp'
# Before TCX another process removes the filter; its program goes with it.
no_filters() { [ "$(filters)" -eq 0 ]; }
await 20 no_filters
await 20 sh -c '! grep -q "bpf_prog_[0-9a-f]*_nad_" /proc/kallsyms'
state killed
start next nad run --iface v0 --format json
pings
finish
await 20 sh -c '! grep -q "bpf_prog_[0-9a-f]*_nad_" /proc/kallsyms'
state left

say end
poweroff -f
