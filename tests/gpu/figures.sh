#!/usr/bin/env bash
# The GPU's rows of tests/benchmarks/results (from the root):
#     bash tests/gpu/figures.sh steps   one trial, its steps and batches, in about 5 minutes
#     bash tests/gpu/figures.sh sweeps  whole checklists, in about 6
#     bash tests/gpu/figures.sh packed  trials at once beside one by one and unpacked, in about 5
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
kit() { # SECONDS NAME SCRIPT OPTIONS...
    local limit=$1 name=$2 script=$3
    shift 3
    TAIL=0 step "$limit" "$name" "$PYTHON" "tests/gpu/$script" "$@"
    [ "${SHOW:-1}" = 0 ] || cat "$OUT/$name.txt"
}
case "${1:-}" in
try)
    export SHOW=0
    figure 100 cuda_graphs --quick --repeats 1 --seconds 0.2 --without-compiling &
    figure 100 autoaugment --quick --repeats 1 &
    figure 100 loader --quick --images 256 --repeats 1 &
    figure 100 one_trial --peers "plain loop" Lightning --workers 2 --depth 8 --images 12800 --seeds 2 --epochs 4 --repeats 1 &
    figure 100 packing_gpu --quick --warm-up 0 --repeats 1 --workloads 0 --serial-trials 2 &
    figure 100 replication --quick --repeats 1 &
    figure 100 whole_checklist --quick &
    wait
    ;;
steps)
    figure 130 one_trial --peers "plain loop" Lightning --workers 8 --images 12800 --seeds 2 --epochs 4 --repeats 3
    figure 30 autoaugment
    figure 35 cuda_graphs --seconds 0.4 --without-compiling
    kit 40 optimizers steps.py --workloads 0 --optimizers --seconds 0.3
    figure 45 loader --images 12800
    ;;
sweeps)
    if [ -d "$data" ]; then
        mkdir -p "$site/images"
        figure 170 whole_checklist --data "$data" --cache "$site/images" --epochs 8
        figure 200 replication --data "$data" --cache "$site/images" --epochs "${EPOCHS:-30}"
    fi
    ;;
packed)
    figure 300 packing_gpu --warm-up 0 --repeats 1 --workloads 0 --epochs 10 --serial-trials 4 --without joblib "Ray Tune"
    kit 40 resnet18 packing.py --workload 1 --counts 1 4 8 --seconds 1
    ;;
*)
    echo "say what: steps, sweeps, packed or try" >&2
    exit 2
    ;;
esac
tar cf "$OUT/results.tar" -C tests/benchmarks/results gpu
echo "figures.sh took $SECONDS s"
