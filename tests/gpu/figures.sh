#!/usr/bin/env bash
# The GPU's rows of tests/benchmarks/results (from the root), one after another as named:
#     bash tests/gpu/figures.sh NAME...
#     one_trial 2 minutes, autoaugment, cuda_graphs, optimizers, loader half a minute each,
#     decode half a minute, whole_checklist 3, replication 3, packing_gpu 4, resnet18 half a minute,
#     optimize 5: `darkmagic optimize` on CIFAR-10; its pages come to $OUT/optimize.tar
#     try: the smallest sizes, all at once, in a minute and a half: does each run?
# CIFAR names an archive of CIFAR-10 as image files, train/CLASS/* and test/CLASS/*; without it two
# rows are left out. Results come to $OUT/results.tar, and their pages to $OUT/NAME.txt.
set -uo pipefail
. tests/gpu/env.sh || exit
cifar=${CIFAR:-.gpu-data/cifar10-jpeg.tar.gz}
data=$site/cifar images=$site/images
mkdir -p "$images"
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
row() { # NAME: one benchmark
    case "$1" in
    decode) # once into the cache, so that no other row pays for it
        TAIL=9 step 90 decode env -C "$site" DARKMAGIC_CACHE="$images" "$PYTHON" -m darkmagic.cli \
            train dataset=folder "dataset.source.root='$data'" model=resnet8 epochs=1 max_steps=1
        ;;
    one_trial)
        figure 130 one_trial --peers "plain loop" Lightning --workers 8 --images 12800 --seeds 2 --epochs 4 --repeats 3
        ;;
    autoaugment) figure 30 autoaugment ;;
    cuda_graphs) figure 35 cuda_graphs --seconds 0.4 --without-compiling ;;
    optimizers) kit 40 optimizers steps.py --workloads 0 --optimizers --seconds 0.3 ;;
    loader) figure 45 loader --images 12800 ;;
    whole_checklist)
        figure 190 whole_checklist --data "$data" --cache "$images" --epochs "${EPOCHS:-12}"
        ;;
    replication) figure 200 replication --data "$data" --cache "$images" --epochs "${EPOCHS:-24}" ;;
    packing_gpu)
        figure 260 packing_gpu --warm-up 0 --repeats 1 --workloads 0 --epochs 6 --serial-trials 4 --without joblib "Ray Tune"
        ;;
    optimize) # WORDS="dataset=digits model=resnet8" tries it without a GPU
        local words=(dataset=folder "dataset.source.root='$data'" model=resnet20)
        [ -z "${WORDS:-}" ] || read -ra words <<<"$WORDS"
        TAIL=40 step 450 optimize env DARKMAGIC_CACHE="$images" "$PYTHON" -m darkmagic.cli \
            optimize "${words[@]}" "epochs=${EPOCHS:-8}" "budget=${BUDGET:-48}" -o "$site/runs"
        (cd "$site/runs" && find . -maxdepth 2 -type f ! -name '*.db*' -print0 |
            tar cf "$OUT/optimize.tar" --null -T -)
        [ "${SHOW:-1}" = 0 ] || tail -n 60 "$OUT/optimize.txt"
        ;;
    resnet18) kit 40 resnet18 packing.py --workload 1 --counts 1 4 8 --seconds 1 ;;
    *)
        echo "figures.sh: no row $1: see its first lines" >&2
        return 2
        ;;
    esac
}
try() { # the smallest size of each, all at once
    export SHOW=0
    figure 100 cuda_graphs --quick --repeats 1 --seconds 0.2 --without-compiling &
    figure 100 autoaugment --quick --repeats 1 &
    figure 100 loader --quick --images 256 --repeats 1 &
    figure 100 one_trial --peers "plain loop" Lightning --workers 2 --depth 8 --images 12800 --seeds 2 --epochs 4 --repeats 1 &
    figure 100 packing_gpu --quick --warm-up 0 --repeats 1 --workloads 0 --serial-trials 2 &
    figure 100 replication --quick --repeats 1 &
    figure 100 whole_checklist --quick &
    wait
}
[ $# -gt 0 ] || { echo "figures.sh: name a row, or try: see its first lines" >&2; exit 2; }
for name in "$@"; do
    if [ "$name" = try ]; then try; else row "$name" || exit; fi
    tar cf "$OUT/results.tar" -C tests/benchmarks/results gpu
done
echo "figures.sh took $SECONDS s"
