import type * as pulumi from "@pulumi/pulumi";
import * as yandex from "@pulumi/yandex";

import type { ImageSettings } from "../settings.ts";

/**
 * The image of every machine: the configured one, or the family's newest. Machines keep the image they
 * were made from (see Machine), so the answer matters for new machines only.
 */
export function pinnedImage(settings: ImageSettings): pulumi.Input<string> {
    return settings.id ?? yandex.getComputeImageOutput({ family: settings.family }).apply((image) => image.imageId!);
}
