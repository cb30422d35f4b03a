#!/usr/bin/env bash
# The GPU's rows of tests/benchmarks/results, in about 6 minutes: bash tests/gpu/figures.sh (from the root)
#     bash tests/gpu/figures.sh try     the smallest sizes, all at once, in a minute: does each run?
# CIFAR names an archive of CIFAR-10 as image files, train/CLASS/* and test/CLASS/*; without it two
# rows are left out. Results come to $OUT/results.tar, and their pages to $OUT/NAME.txt.
set -uo pipefail
. tests/gpu/env.sh || exit
cifar=${CIFAR:-.gpu-data/cifar10-jpeg.tar.gz}
data=$site/cifar
if [ -e "$cifar" ] && [ ! -d "$data" ]; then
    mkdir -p "$data.part" && tar xzf "$cifar" -C "$data.part" && mv "$data.part" "$data"
fi
figure() { # SECONDS NAME OPTIONS...
    local limit=$1 name=$2
    shift 2
    TAIL=25 step "$limit" "$name" "$PYTHON" "tests/benchmarks/$name.py" --results "$@"
    [ "${SHOW:-1}" = 0 ] || cat "$OUT/$name.txt"
}
if [ "${1:-}" = try ]; then
    export SHOW=0
    figure 100 cuda_graphs --quick --repeats 1 --seconds 0.2 --without-compiling &
    figure 100 autoaugment --quick --repeats 1 &
    figure 100 loader --quick --images 256 --repeats 1 &
    figure 100 one_trial --peers "plain loop" Lightning --workers 2 --depth 8 --images 512 --seeds 2 --epochs 4 --repeats 1 &
    figure 100 packing_gpu --quick --warm-up 0 --repeats 1 --workloads 0 &
    figure 100 replication --quick --repeats 1 &
    figure 100 whole_checklist --quick &
    wait
else
    figure 40 cuda_graphs --seconds 0.4 --without-compiling
    figure 35 autoaugment
    figure 50 loader --images 12800
    figure 110 one_trial --peers "plain loop" Lightning --workers 8 --images 6400 --seeds 2 --epochs 4
    figure 110 packing_gpu --warm-up 0 --repeats 1 --workloads 0 --without joblib
    if [ -d "$data" ]; then
        mkdir -p "$site/images"
        figure 90 replication --data "$data" --cache "$site/images" --epochs "${EPOCHS:-15}"
        figure 90 whole_checklist --data "$data" --cache "$site/images" --epochs 6
    fi
fi
tar cf "$OUT/results.tar" -C tests/benchmarks/results gpu
echo "figures.sh took $SECONDS s"
