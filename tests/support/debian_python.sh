#!/bin/bash
# Run tests on a Python of another suite of Debian: the unstable one's, which is newer than the
# machine's, or PyPy (VERSION is pypy3.11), whose suite stands so that its release does:
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
PATIENCE=600  # seconds for a download, and for the tests
root=$folder/root
if [[ $version == pypy* ]]; then
    suite=trixie python=pypy3
    debian=pypy3,pypy3-dev,gcc,libc6-dev  # psutil has no binaries for it
else
    suite=sid python=python$version debian=$python
fi
packages=$root/usr/local/lib/${version/#3/python3}/dist-packages  # where Debian's Python looks first
tools=(pip hatchling editables)
# Those that the project is tested with on other versions, and only such as need no compiler.
needed=(attrs h11 prometheus-client statsd pytest pytest-timeout pytest-xdist numpy rich)

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
    timeout "$PATIENCE" unshare --mount debootstrap --variant=minbase --include="$debian" \
        "$suite" "$root" "$mirror" > "$folder/debootstrap.log" 2>&1 ||
        left_out "debootstrap failed: $(tail -n 1 "$folder/debootstrap.log")"
}

install_packages() { # from outside
    local quiet=(--quiet --disable-pip-version-check)
    if [[ $version != pypy* ]]; then
        timeout "$PATIENCE" uv pip install --quiet --target "$packages" --python-version "$version" \
            --only-binary :all: "${tools[@]}" "${needed[@]}" cramjam grpcio msgspec \
            opentelemetry-sdk psutil hypothesis trustme
        return
    fi
    # uv knows no binaries of another implementation than the one it runs on; pip does.
    local pip=(timeout "$PATIENCE" uv run --quiet --no-project --with pip python -m pip)
    local pypy=(--implementation pp --abi pypy311_pp73 --python-version 3.11 --only-binary :all:)
    "${pip[@]}" install "${quiet[@]}" --target "$packages" "${pypy[@]}" \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        "${tools[@]}" setuptools "${needed[@]}"
    # The newest that are all Python: parts in Rust are made for a later PyPy.
    "${pip[@]}" install "${quiet[@]}" --target "$packages" "${pypy[@]}" --platform any \
        'hypothesis<6.156'
    "${pip[@]}" download "${quiet[@]}" --dest "$root/srv" --no-deps --no-binary psutil psutil
    chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin CFLAGS=-O0 "$python" -m pip install --quiet \
        --no-index --no-build-isolation --break-system-packages --root-user-action ignore \
        "/srv/$(basename "$root"/srv/psutil-*.tar.gz)"
    printf '127.0.0.1 localhost\n' > "$root/etc/hosts"
}

(( EUID == 0 )) || left_out "needs root"
command -v apt-get > /dev/null || left_out "needs apt-get, of Debian or its kin"
unshare --mount --pid --fork true 2> /dev/null || left_out "needs unshare, with namespaces"
if [[ ! -e $folder/installed ]]; then
    make_debian
    rm -rf "$packages"
    install_packages > "$folder/install.log" 2>&1 ||
        left_out "packages cannot be installed: $(tail -n 1 "$folder/install.log")"
    touch "$folder/installed"
fi

rm -rf "$root/srv/sampler"
mkdir -p "$root/srv/sampler"
tar -c --exclude=./.git --exclude=./.venv --exclude=./.servers --exclude=__pycache__ . |
    tar -x -C "$root/srv/sampler"
# FOLDER/python runs a program there that is in this repository or among temporary files.
cat > "$folder/python" << END
#!/bin/bash
exec unshare --mount bash -euc '
    mount -t proc proc "\$0/proc"
    mount --rbind /dev "\$0/dev"
    for shared in "$PWD" "${TMPDIR:-/tmp}"; do
        mkdir -p "\$0\$shared"
        mount --rbind "\$shared" "\$0\$shared"
    done
    exec chroot "\$0" "/usr/bin/$python" "\$@"' "$root" "\$@"
END
chmod +x "$folder/python"
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
        --break-system-packages --editable . ./examples/library ./examples/adapter
    $python --version
    exec $python -m pytest "$@"'
exec timeout --foreground "$PATIENCE" unshare --mount --pid --fork --kill-child \
    bash -euc "$in_debian" "$root" "$in_root" "$python" "$@"
