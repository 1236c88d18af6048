#!/bin/bash
# Unpack programs of Debian's unstable suite, which are newer than the machine's, into a folder:
#
#     tests/support/debian_unstable.sh FOLDER PACKAGE...
#
# From the mirror that this machine's apt is set up for, with lists of their own: nothing is
# installed, and what belongs to a package that is there already is not fetched again.
set -euo pipefail
folder=${1:?"tests/support/debian_unstable.sh FOLDER PACKAGE..."}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
shift
wanted=()
for package; do [[ -e $folder/$package ]] || wanted+=("$package"); done
(( ${#wanted[@]} )) || exit 0

mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' |
    awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }')
[[ -n $mirror ]] || { echo "apt is not set up for a mirror of Debian" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{lists,cache}/partial
echo "deb $mirror sid main" > "$work/sources.list"
apt=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update -qq
cd "$work"
for package in "${wanted[@]}"; do
    apt-get "${apt[@]}" download -qq "$package"
    rm -rf "$folder/$package.part"
    dpkg-deb -x "$package"_*.deb "$folder/$package.part"
    mv "$folder/$package.part" "$folder/$package"
done
