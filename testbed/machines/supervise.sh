#!/usr/bin/env bash
# Runs one machine until it is powered off. It outlives the process that started it, so that a machine does not stop
# together with the testbed's daemon. Its mounts are private and end with its last process.
#
#   supervise.sh FOLDER LOWER NAMESPACE CGROUP_PROCS_FILES -- systemd-nspawn's further arguments
#
# FOLDER              the machine's folder, with upper/, work/, root/ and sys/
# LOWER               the read-only root of the image
# NAMESPACE           path of the machine's network namespace
# CGROUP_PROCS_FILES  files through which it enters its control groups, separated by colons
set -euo pipefail

folder=$1 lower=$2 namespace=$3 cgroups=$4
shift 5

if [[ -z ${SUPERVISE_INSIDE:-} ]]; then
    IFS=: read -r -a files <<<"$cgroups"
    for file in "${files[@]}"; do
        echo $$ >"$file"
    done
    export SUPERVISE_INSIDE=1
    exec nsenter --net="$namespace" unshare --mount --propagation slave \
        bash "$0" "$folder" "$lower" "$namespace" "$cgroups" -- "$@"
fi

# "volatile": the guest's syncs of its boot disk stay in the host's memory. That makes the installation of packages much
# faster, and only a crash of the host itself would lose data. The mark of an earlier boot would make the kernel refuse
# the mount.
rm -rf "$folder/work/work/incompat"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work,volatile" "$folder/root"

# /sys shows the network interfaces of the namespace in which it was mounted. With the host's /sys, cloud-init in the
# guest would not find its own interface.
mount -t sysfs sysfs "$folder/sys"
mount --rbind /sys/fs/cgroup "$folder/sys/fs/cgroup"
mount --rbind "$folder/sys" /sys

export UNIFIED_CGROUP_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
rebooted=133
while :; do
    status=0
    systemd-nspawn --quiet --boot --register=no --keep-unit --directory="$folder/root" \
        --network-namespace-path="$namespace" --capability=CAP_NET_ADMIN --console=read-only --setenv=TERM=dumb \
        --resolv-conf=off --timezone=off --link-journal=no "$@" systemd.show_status=yes systemd.log_color=no </dev/null 2>&1 || status=$?
    [[ $status -eq $rebooted ]] || exit "$status"
done
