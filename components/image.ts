import * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { Settings } from "../settings/index.ts";

/**
 * The image of every machine: the configured one, or the family's newest. Machines keep the image they
 * were made from until they are made anew (see renewal.ts).
 * Waited for, because an output that fails would fail every machine and Command again, each with a stack trace.
 * @throws pulumi.RunError when there is none
 */
export async function pinnedImage({ id, family }: Settings["image"]): Promise<string> {
    if (id !== undefined) return id;
    const image = await yandex.getComputeImage({ family }).catch(({ message }: Error) => {
        // The provider has mostly told its reason itself, and left none here.
        throw new pulumi.RunError(
            `imageFamily: "${family}" has no image that can be had${message === "" ? "" : `: ${message}`}`,
        );
    });
    return image.imageId;
}
