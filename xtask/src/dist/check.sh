#!/bin/sh
# Installs nad's Debian package in a root, uses it, removes it and purges it, in a mount and a process namespace of its own.
# With / as the root, that is this machine's files with a layer in memory on top, which goes away with the namespace.
set -eu
package=$1 root=$2 version=$3

fail() {
    echo "check of $package: $*" >&2
    exit 1
}
expect() {
    what=$1
    shift
    "$@" || fail "$what"
}

mount --make-rprivate /
if [ "$root" = / ]; then
    # Where root can't be an overlay's upper layer, memory can.
    layers=/mnt
    mount -t tmpfs tmpfs "$layers"
    mkdir "$layers/upper" "$layers/work" "$layers/root" "$layers/package"
    cp "$package" "$layers/package/nad.deb"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
    root=$layers/root
    mkdir -p "$root/tmp"
    cp "$layers/package/nad.deb" "$root/tmp/nad.deb"
else
    cp "$package" "$root/tmp/nad.deb"
fi
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
within() {
    env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/ chroot "$root" "$@"
}

# What this machine has of it already.
within dpkg --purge nad >/dev/null 2>&1 || true
within userdel nad >/dev/null 2>&1 || true

within dpkg --install /tmp/nad.deb >/dev/null || fail "it can't be installed"
for file in usr/bin/nad etc/nad/nad.toml usr/lib/systemd/system/nad.service usr/lib/sysusers.d/nad.conf \
    usr/share/bash-completion/completions/nad; do
    expect "there is no /$file" test -f "$root/$file"
done
[ "$(within stat --format '%U:%G %a' /var/lib/nad /var/log/nad)" = "nad:nad 750
nad:nad 750" ] || fail "/var/lib/nad and /var/log/nad are not the user nad's"
[ "$(within nad --version)" = "nad $version" ] || fail "nad --version says: $(within nad --version)"
[ "$(within nad config check)" = "/etc/nad/nad.toml: fine" ] || fail "the settings are not fine"
within nad help config | grep --quiet '^\[capture\]$' || fail "nad help config prints no example"
words=$(within bash -c '. /usr/share/bash-completion/completions/nad; COMP_WORDS=(nad re) COMP_CWORD=1; _nad nad re nad
    echo "${COMPREPLY[@]}"')
[ "$words" = "replay report" ] || fail "bash completes 'nad re' with: $words"
# It says whether nad can run here, which is another question than whether it was installed.
doctor=$(within nad doctor 2>&1) || [ $? = 1 ] || fail "nad doctor failed: $doctor"
case $doctor in
"ok    build "*) ;;
*) fail "nad doctor says: $doctor" ;;
esac
case $doctor in
*"nad run works as user nad "*) ;;
*) fail "nad would not work as the user nad: $doctor" ;;
esac
if within sh -c 'command -v systemd-analyze' >/dev/null; then
    said=$(within systemd-analyze verify --man=no /usr/lib/systemd/system/nad.service 2>&1 | grep nad || true)
    [ -z "$said" ] || fail "systemd says of the unit: $said"
    # docs/service.md has the number; another version of systemd may weigh otherwise.
    exposure=$(within systemd-analyze security --offline=yes /usr/lib/systemd/system/nad.service |
        sed --quiet 's/.*exposure level for nad.service: \([0-9.]*\) .*/\1/p')
    case $exposure in
    0.* | 1.*) ;;
    *) fail "systemd-analyze security gives the unit $exposure" ;;
    esac
fi

# What a sensor and an operator leave there.
echo '# mine' >>"$root/etc/nad/nad.toml"
echo kept >"$root/var/lib/nad/state"
echo kept >"$root/var/log/nad/nad.log"
within dpkg --install --force-confold /tmp/nad.deb >/dev/null 2>&1 || fail "it can't be installed over itself"
expect "an upgrade changes settings" grep --quiet '^# mine$' "$root/etc/nad/nad.toml"
within dpkg --remove nad >/dev/null || fail "it can't be removed"
expect "the program is still there" test ! -e "$root/usr/bin/nad"
for file in etc/nad/nad.toml var/lib/nad/state var/log/nad/nad.log; do
    expect "removal deletes /$file" test -f "$root/$file"
done
within dpkg --purge nad >/dev/null || fail "it can't be purged"
for path in etc/nad var/lib/nad var/log/nad; do
    expect "purge leaves /$path" test ! -e "$root/$path"
done
rm "$root/tmp/nad.deb"
echo "installed, used, removed and purged: $package" >&2
