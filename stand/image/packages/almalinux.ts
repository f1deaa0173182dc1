import type { RpmPackage } from "../rpm/package.ts";

/** The release whose outside the guest has. */
export const ALMALINUX = { version: "9.6", codeName: "Sage Margay" } as const;

/**
 * Names that AlmaLinux's cloud image has installed and the guest's Debian root provides: installing them does nothing,
 * requiring them works. What AlmaLinux's image does not have must not be here.
 */
const NAMES_OF_THE_ROOT = [
  "/bin/sh", "/usr/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/env", "/usr/bin/python3",
  "bash", "ca-certificates", "cloud-init", "cloud-utils-growpart", "coreutils", "curl", "dbus", "dnf", "dnf-plugins-core", "e2fsprogs", "xfsprogs",
  "findutils", "gawk", "glibc-langpack-en", "gnupg2", "grep", "gzip", "hostname", "iproute", "iputils", "less", "logrotate", "openssh-clients",
  "openssh-server", "openssl", "procps-ng", "python3", "python3-dnf", "python3-pyyaml", "rpm", "sed", "shadow-utils", "sudo", "systemd",
  "systemd-udev", "tar", "tzdata", "util-linux", "which", "yum", "yum-utils",
];

export const almalinuxPackages: readonly RpmPackage[] = [
  {
    name: "almalinux-release",
    repository: "image",
    version: ALMALINUX.version,
    architecture: "noarch",
    summary: "AlmaLinux release files (of the stand)",
    provides: [`system-release = ${ALMALINUX.version}`, "system-release(releasever) = 9", `redhat-release = ${ALMALINUX.version}`, "almalinux-repos", "almalinux-gpg-keys"],
  },
  {
    name: "stand-root",
    repository: "image",
    version: ALMALINUX.version,
    architecture: "noarch",
    summary: "Names of packages whose files the guest's Debian root has",
    provides: NAMES_OF_THE_ROOT,
    // What AlmaLinux's systemd package does once per transaction.
    transactionTriggers: [
      { path: "/usr/lib/tmpfiles.d", script: "systemd-tmpfiles --create >/dev/null 2>&1 || :" },
      { path: "/usr/lib/systemd/system", script: "[ -d /run/systemd/system ] && systemctl daemon-reload >/dev/null 2>&1 || :" },
    ],
  },
  {
    name: "policycoreutils",
    repository: "image",
    version: "3.6",
    architecture: "noarch",
    summary: "SELinux tools that only record how they are called (there is no SELinux in the stand)",
    provides: ["libselinux-utils", "selinux-policy", "selinux-policy-targeted", "libselinux"],
    links: Object.fromEntries(
      ["getenforce", "setenforce", "getsebool", "setsebool", "restorecon", "selinuxenabled", "sestatus", "fixfiles", "matchpathcon"]
        .map((tool) => [`/usr/sbin/${tool}`, "../libexec/stand/selinux-recorder"])),
  },
  {
    name: "policycoreutils-python-utils",
    repository: "appstream",
    version: "3.6",
    architecture: "noarch",
    summary: "semanage, which only records how it is called",
    requires: ["policycoreutils"],
    links: { "/usr/sbin/semanage": "../libexec/stand/selinux-recorder" },
  },
];
