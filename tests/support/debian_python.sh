#!/bin/bash
# Run tests on the Python of Debian's unstable suite, which is newer than the machine's:
#
#     tests/support/debian_python.sh VERSION FOLDER [PYTEST ARGUMENTS]
#
# FOLDER becomes a Debian of its own (debootstrap), from the mirror that this machine's apt is set
# up for; it needs root. The packages for the tests are installed from outside, by uv, so nothing
# of the machine's settings goes into FOLDER. Nothing outside of it is changed, and what is there
# is not made again. Exit status 77: it cannot be had here, and the last line says why.
set -euo pipefail
usage="tests/support/debian_python.sh VERSION FOLDER [PYTEST ARGUMENTS]"
version=${1:?$usage}
mkdir -p "${2:?$usage}"
folder=$(cd "$2" && pwd)
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/sbin
SUITE=sid
PATIENCE=600  # seconds for a download, and for the tests
root=$folder/root
python=python$version
packages=$root/usr/local/lib/$python/dist-packages  # where Debian's Python looks first

left_out() { # REASON
    printf '%s\n' "$1" >&2
    exit 77
}

fetch_debootstrap() { # into this folder
    apt-get download -qq debootstrap && return
    timeout "$PATIENCE" apt-get update -qq
    apt-get download -qq debootstrap
}

make_debian() {
    local mirror tool
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }')
    [[ -n $mirror ]] || left_out "apt is not set up for a mirror of Debian"
    if ! command -v debootstrap > /dev/null; then  # a shell script: unpacked, not installed
        tool=$folder/debootstrap
        mkdir -p "$tool"
        (cd "$tool" && fetch_debootstrap && dpkg-deb -x debootstrap_*.deb .) \
            2> "$folder/debootstrap.log" || left_out "debootstrap cannot be downloaded"
        export DEBOOTSTRAP_DIR=$tool/usr/share/debootstrap PATH=$PATH:$tool/usr/sbin
    fi
    rm -rf "$root"
    # What it mounts goes with it, also when it is cut.
    timeout "$PATIENCE" unshare --mount debootstrap --variant=minbase --include="$python" \
        "$SUITE" "$root" "$mirror" > "$folder/debootstrap.log" 2>&1 ||
        left_out "debootstrap failed: $(tail -n 1 "$folder/debootstrap.log")"
}

(( EUID == 0 )) || left_out "needs root"
command -v apt-get > /dev/null || left_out "needs apt-get, of Debian or its kin"
unshare --mount --pid --fork true 2> /dev/null || left_out "needs unshare, with namespaces"
if [[ ! -e $folder/installed ]]; then
    make_debian
    rm -rf "$packages"
    # Those that the project is tested with on other versions, and only such as need no compiler.
    timeout "$PATIENCE" uv pip install --quiet --target "$packages" --python-version "$version" \
        --only-binary :all: pip hatchling editables attrs h11 msgspec psutil prometheus-client statsd \
        pytest pytest-timeout pytest-xdist hypothesis numpy rich trustme \
        > "$folder/install.log" 2>&1 ||
        left_out "packages cannot be installed: $(tail -n 1 "$folder/install.log")"
    touch "$folder/installed"
fi

rm -rf "$root/srv/sampler"
mkdir -p "$root/srv/sampler"
tar -c --exclude=./.git --exclude=./.venv --exclude=./.servers --exclude=__pycache__ . |
    tar -x -C "$root/srv/sampler"
in_debian='
    mount -t proc proc "$0/proc"
    mount -t sysfs -o ro sysfs "$0/sys"
    mount --rbind /dev "$0/dev"
    ip link set lo up 2> /dev/null || true
    exec chroot "$0" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin \
        LANG=C.UTF-8 PYTHONUNBUFFERED=1 PIP_ROOT_USER_ACTION=ignore /bin/sh -c "$@"'
in_root='
    cd /srv/sampler
    python=$0
    $python -m pip install --quiet --no-index --no-build-isolation --no-deps \
        --break-system-packages --editable .
    $python --version
    exec $python -m pytest "$@"'
exec timeout --foreground "$PATIENCE" unshare --mount --pid --fork --kill-child \
    bash -euc "$in_debian" "$root" "$in_root" "$python" "$@"
