/**
 * The upstream part of a Debian version, in the characters that an RPM version may have.
 * Epoch, Debian revision and repacking suffixes are dropped: "1:7.95+dfsg-3" → "7.95", "4.0.7-3~deb13u1" → "4.0.7".
 * @throws Error when nothing is left.
 */
export function rpmVersion(debianVersion: string): string {
    const withoutEpoch = debianVersion.replace(/^\d+:/, "");
    const upstream = withoutEpoch.includes("-") ? withoutEpoch.slice(0, withoutEpoch.lastIndexOf("-")) : withoutEpoch;
    // "8.2.0+0.really.8.1.8" is Debian's way back to an earlier version, here 8.1.8.
    const version = upstream
        .replace(/^.*really\.?/, "")
        .replace(/[+~](dfsg|ds).*$/, "")
        .replace(/~.*$/, "")
        .replace(/[^A-Za-z0-9._+]/g, ".");
    if (version === "") throw new Error(`Debian version "${debianVersion}" has no upstream part`);
    return version;
}
