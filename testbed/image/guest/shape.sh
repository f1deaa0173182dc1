#!/usr/bin/env bash
# Gives the Debian root AlmaLinux's paths, units and accounts. Runs inside the root, once, while the image is built.
# /tmp/testbed holds cloud-init's source and the RPMs of the image.
set -euo pipefail

# --- cloud-init as AlmaLinux has it: upstream's own configuration, units and templates, which Debian's package leaves out
rm -f /etc/cloud/cloud.cfg.d/90_dpkg.cfg
cp --no-clobber /tmp/testbed/cloud-init/templates/* /etc/cloud/templates/
render() { (cd /tmp/testbed/cloud-init && python3 tools/render-template --variant almalinux "$1" "$2"); }
render config/cloud.cfg.tmpl /etc/cloud/cloud.cfg
for stage in main local network; do
    unit=/usr/lib/systemd/system/cloud-init-$stage.service
    render "systemd/cloud-init-$stage.service.tmpl" "$unit"
done
ln -sfn ../lib/cloud-init /usr/libexec/cloud-init
# cloud-init itself uses Debian's netcat. Users install AlmaLinux's netcat from the mirror.
sed -i 's/| nc -Uu/| nc.openbsd -Uu/' /usr/lib/systemd/system/cloud-*.service
update-alternatives --quiet --remove-all nc

# --- programs and paths
ln -sf bash /usr/bin/sh
ln -sf dnf /usr/bin/yum
ln -sf /usr/bin/update-alternatives /usr/sbin/alternatives
mkdir -p /usr/libexec/openssh && ln -sf ../../lib/openssh/sftp-server /usr/libexec/openssh/sftp-server
mkdir -p /etc/pki/ca-trust/source/anchors /usr/share/pki/ca-trust-source/anchors /etc/pki/tls/certs /etc/sysconfig
ln -sf /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt
ln -sf ca-certificates.crt /etc/ssl/certs/ca-bundle.crt
# A program that expects Debian must fail.
chmod a-x /usr/bin/apt /usr/bin/apt-get /usr/bin/apt-cache /usr/bin/apt-key 2>/dev/null || true

# --- accounts
groupadd --system wheel
# AlmaLinux reserves the id 26 for a package's account.
groupmod --gid 986 tape
sed -i 's/^#\?HOME_MODE.*/HOME_MODE 0700/' /etc/login.defs
sed -i 's|^SHELL=.*|SHELL=/bin/bash|' /etc/default/useradd

# --- dnf: plug-ins that AlmaLinux's dnf-plugins-core does not have cost time at each call
for plugin in expired-pgp-keys leaves local modulesync post-transaction-actions pre-transaction-actions show_leaves system_upgrade versionlock; do
    rm -f "/usr/lib/python3/dist-packages/dnf-plugins/$plugin.py" "/etc/dnf/plugins/$plugin.conf"
done
rm -rf /etc/dnf/aliases.d/zypper.conf /etc/dnf/automatic.conf
rm -f /etc/os-release /usr/lib/os-release
rpm --install --nosignature /tmp/testbed/packages/*.rpm
ln -s ../usr/lib/os-release /etc/os-release

# --- units: AlmaLinux's sshd, and only what the presets enable
rm -f /usr/lib/systemd/system/{ssh.service,ssh.socket,sshd@.service,sshd-keygen.service,rescue-ssh.target,ssh-access.target}
# Debian's init scripts would become units, and sshd would start twice.
rm -f /usr/lib/systemd/system-generators/{systemd-ssh-generator,systemd-sysv-generator} /etc/init.d/*
find /etc/systemd/system -mindepth 1 -delete
systemctl preset-all 2>/dev/null
systemctl --quiet set-default multi-user.target

# --- nothing of the build stays; the machine's identity is made at its first boot
rm -rf /tmp/testbed /var/lib/apt/lists /var/cache/* /var/log/* /etc/ssh/ssh_host_* /etc/resolv.conf /var/lib/dbus/machine-id
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
: >/etc/machine-id
# Caches (linker, journal catalogue, users) are up to date: no machine need rebuild them at its first boot.
touch --reference=/usr /etc/.updated /var/.updated
