import { createHash } from "node:crypto";

import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/**
 * An id of what is wanted now. A new one is drawn whenever that differs from what the last `up` wanted, whether that `up`
 * succeeded, failed or was killed, so a wish that comes back has another id than before.
 *
 * Pulumi keeps the old inputs of a Command that failed. Without a revision among them, a change taken back would differ in
 * nothing from the state: nothing would be sent, and `up` would succeed with machines as the failed one left them.
 *
 * `pulumi up --replace '**-revision'` draws all anew: everything is sent again, and checked.
 * @param wishes by what they are about, for the preview; only their fingerprints reach the state
 */
export function revision(
    name: string,
    wishes: Readonly<Record<string, pulumi.Output<string>>>,
    opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
    const keepers = Object.fromEntries(Object.entries(wishes).map(([about, wish]) => [about, fingerprint(wish)]));
    return new random.RandomId(`${name}-revision`, { byteLength: REVISION_BYTES, keepers }, opts).hex;
}

/** Two of them must differ, and a person must be able to compare them. */
const REVISION_BYTES = 4;

/** A short fingerprint: changes when the text changes, says nothing about it. */
function fingerprint(text: pulumi.Output<string>): pulumi.Output<string> {
    return pulumi.unsecret(text.apply((value) => createHash("sha256").update(value).digest("hex").slice(0, 16)));
}
