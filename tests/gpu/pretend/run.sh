#!/usr/bin/env bash
# Run a script of this folder beside a library that stands for CUDA's driver, from the root:
#     bash tests/gpu/pretend/run.sh count.py
# PYTHON names the interpreter; it has darkmagic installed (see env.sh where it has not).
set -euo pipefail
folder=tests/gpu/pretend
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
gcc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$built/libcuda.so.1" "$folder/fakecuda.c"
export LD_LIBRARY_PATH="$built${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" LD_PRELOAD="$built/libcuda.so.1"
export PYTHONPATH="$folder:tests/gpu:tests/trainers${PYTHONPATH:+:$PYTHONPATH}"
"${PYTHON:-python3}" -W ignore "$folder/$1" "${@:2}"
