#!/bin/bash
# Run the core's tests on a CPython 3.13 without a global lock:
#
#     tests/support/free_threaded.sh FOLDER [PYTEST ARGUMENTS]
#
# The source is Debian's, from the mirror that this machine's apt is set up for; it is built in
# FOLDER, as is an environment for the tests. Nothing outside of FOLDER is changed, and what is
# there already is not made again. Building takes about ten minutes. What came of it is in
# docs/free-threading.md. It needs gcc and make.
set -euo pipefail
RELEASE=trixie  # the first of Debian with Python 3.13

mkdir -p "${1:?tests/support/free_threaded.sh FOLDER}"
folder=$(cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
environment=$folder/venv

get_source() {
    # Lists and settings of its own: the machine's apt does not hear of the newer release.
    local apt=$folder/apt mirror keys
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }')
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$folder/source"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$RELEASE" > "$apt/sources.list"
    : > "$apt/status"
    local own=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$apt/lists" -o "Dir::State::Status=$apt/status"
        -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    apt-get "${own[@]}" update
    # Without Debian's patches: they look for packages where no free-threaded Python does.
    (cd "$folder/source" && apt-get "${own[@]}" source --download-only python3.13)
    tar -xf "$folder"/source/python3.13_*.orig.tar.xz -C "$folder/source"
}

if [[ ! -e $folder/installed ]]; then
    compgen -G "$folder/source/Python-3.13*/configure" > /dev/null || get_source
    mkdir -p "$folder/build"
    cd "$folder/build"
    nice -n 10 "$folder"/source/Python-3.13*/configure --disable-gil \
        --prefix="$folder/python" > configure.log
    nice -n 10 make -j2 > make.log 2>&1
    nice -n 10 make install > install.log 2>&1
    touch "$folder/installed"
    cd "$OLDPWD"
fi

if [[ ! -x $environment/bin/sampler ]]; then
    "$folder/python/bin/python3" -m venv "$environment"
    # The newest that need no compiler: hypothesis has parts in Rust by now.
    "$environment/bin/pip" install --quiet --only-binary :all: \
        attrs h11 psutil numpy prometheus-client statsd \
        pytest pytest-timeout pytest-xdist hypothesis
    # The project itself, as it stands in this repository, without what its extras need.
    "$environment/bin/pip" install --quiet --no-deps --editable .
fi

"$environment/bin/python" -c 'import sys; assert not sys._is_gil_enabled(); print(sys.version)'
exec "$environment/bin/python" -X gil=0 -m pytest -n 0 -q "${@:-tests/contract}"
