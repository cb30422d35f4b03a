#!/bin/bash
# Builds docker/Dockerfile for a CPU with neither a Docker daemon nor a registry of images: buildah
# runs its steps in a chroot, on a Debian that debootstrap makes in place of the base. Then runs the
# image's command and its health check as the user that it names.
#
#   apt-get install --no-install-recommends buildah debootstrap
#   sudo docker/build_without_daemon.sh FOLDER     # needs root and 35 GB; `rm -r FOLDER` cleans up
#
# SSL_CERT_FILE and /etc/pip.conf count in the build as here, and PIP_FIND_LINKS, a folder of wheels,
# in place of torch's own index.
set -euo pipefail
folder=$(realpath -m "${1:?give a folder to build in}")
suite=${SUITE:-bookworm} # MIRROR: where from, if not debootstrap's own choice
cd "$(dirname "$0")/.."
mkdir -p "$folder/tmp"
export TMPDIR=$folder/tmp BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
buildah() { command buildah --root "$folder/images" --runroot "$folder/run" "$@"; }

root=$folder/base
if ! buildah images localhost/base > /dev/null 2>&1; then
    [ -e "$root/usr/bin/apt-get" ] ||
        debootstrap --variant=minbase "$suite" "$root" ${MIRROR:+"$MIRROR"} > "$folder/debootstrap.log"
    if [ -n "${SSL_CERT_FILE:-}" ]; then # what this machine trusts, beside what Debian does
        mkdir -p "$root/usr/local/share/ca-certificates"
        cp "$SSL_CERT_FILE" "$root/usr/local/share/ca-certificates/this-machine.crt"
    fi
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
    mkdir -p "$root/etc/uv"
    echo 'system-certs = true' > "$root/etc/uv/uv.toml"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" /
    buildah commit --quiet --rm "$container" localhost/base
fi

wheels=()
if [ -d "${PIP_FIND_LINKS:-}" ]; then
    wheels=(--volume "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro")
    wheels+=(--build-arg "UV_FIND_LINKS=$PIP_FIND_LINKS")
fi
buildah bud --layers --format docker --network host --file docker/Dockerfile "${wheels[@]}" \
    --build-arg DEVICE=cpu --build-arg BASE_CPU=localhost/base --build-arg BASE_GPU=localhost/base \
    --tag darkmagic:cpu .

finish() { # what a process of the image had open as it ended may stay mounted, and so in the way of rm
    buildah rm "$container" > /dev/null || true
    if mountpoint -q "$folder/images/overlay"; then umount --recursive "$folder/images/overlay"; fi
}
container=$(buildah from darkmagic:cpu)
trap finish EXIT
user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
echo "user: $user, health check: $(buildah inspect \
    --format '{{.Docker.Config.Healthcheck.Test}}' "$container")"
buildah run --user "$user" "$container" -- darkmagic --version
buildah run --user "$user" "$container" -- sh -c 'id -u && touch /work/runs/it /cache/it'
buildah run --user "$user" --workingdir /work "$container" -- darkmagic train dataset=tiny \
    model=resnet8 runtime.device=cpu
