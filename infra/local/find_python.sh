#!/bin/sh
# Print the path of a CPython that can run the project: find_python.sh VERSION [PYTHON]
#
# Looks at PYTHON alone if it is given; else on the path, under pyenv, among uv's, and below build/; else has uv install
# one below build/. With NO_INSTALL set it only looks. Exits 1, and says what to do, if there is none.
set -u
version=$1
asked=${2-}
root=$(cd "$(dirname "$0")/../.." && pwd)
installed=$root/build/python

# A shim of pyenv may be on the path and not run; Debian's Python may lack what makes environments, and the headers
# with which anonlink is compiled.
CHECK='import os, sys, sysconfig, ensurepip, ssl, venv
good = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
sys.exit(not (good and headers and "%d.%d" % sys.version_info[:2] == sys.argv[1]))'

is_good() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c "$CHECK" "$version" >/dev/null 2>&1
}

print_if_good() {
    if is_good "$1"; then
        command -v "$1"
        exit 0
    fi
}

if [ -n "$asked" ]; then
    print_if_good "$asked"
    # shellcheck disable=SC2016
    is=$("$asked" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])' 2>&1 | tail -n 1)
    echo "CPython $version with venv, ssl and its headers is needed, and PYTHON=$asked is not one: $is" >&2
    exit 1
fi

for candidate in "python$version" python3 python \
    "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version" \
    "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}"/cpython-"$version".*/bin/"python$version" \
    "$installed"/cpython-"$version".*/bin/"python$version"; do
    print_if_good "$candidate"
done
[ -z "${NO_INSTALL-}" ] || exit 1

give_up() {
    echo "Python $version is needed, and $1. Install it (with venv and headers, which some" \
        "distributions have in packages of their own, python$version-venv and python$version-dev), or name one:" \
        "PYTHON=/path/to/python$version make ..." >&2
    exit 1
}

# uv is a program of its own, which any Python can fetch.
find_uv() {
    for uv in uv "$root/build/environments/uv/bin/uv" "$root/build/uv/bin/uv"; do
        if command -v "$uv" >/dev/null 2>&1; then
            return 0
        fi
    done
    for python in python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        if "$python" -m venv --clear "$root/build/uv" >/dev/null 2>&1 &&
            "$root/build/uv/bin/python" -m pip install --quiet --require-hashes \
                --requirement "$root/infra/local/requirements/uv.txt" >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

find_uv || give_up "is not here, nor is uv, which could install it"
echo "Python $version is not here: uv installs one in build/python" >&2
UV_PYTHON_INSTALL_DIR=$installed UV_SYSTEM_CERTS=1 "$uv" python install --no-bin "$version" >&2 ||
    give_up "uv could not install it"
for candidate in "$installed"/cpython-"$version".*/bin/"python$version"; do
    print_if_good "$candidate"
done
give_up "the one that uv installed does not run"
