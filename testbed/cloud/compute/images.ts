import { Image, Image_Status, Os_Type } from "@yandex-cloud/nodejs-sdk/compute-v1/image";
import type { ImageServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/image_service";
import { notFound } from "../api/errors.ts";
import type { Handlers } from "../api/server.ts";

const gib = 2 ** 30;

/** The cloud's public images. The testbed has one, the guest image. */
export class Images {
    private readonly images: readonly Image[];

    /** @param guestImageId the id of AlmaLinux 9 in folder `standard-images` */
    constructor(guestImageId: string) {
        this.images = [
            {
                id: guestImageId,
                folderId: "standard-images",
                createdAt: new Date("2026-01-01T00:00:00Z"),
                name: "almalinux-9",
                description: "AlmaLinux-shaped guest of the testbed",
                labels: {},
                family: "almalinux-9",
                storageSize: 2 * gib,
                minDiskSize: 10 * gib,
                productIds: [],
                status: Image_Status.READY,
                os: { type: Os_Type.LINUX },
                pooled: false,
            },
        ];
    }

    /** @throws NOT_FOUND */
    get(id: string): Image {
        const image = this.images.find((candidate) => candidate.id === id);
        if (image === undefined) throw notFound("Image", id);
        return image;
    }

    /** @throws NOT_FOUND */
    latestByFamily(folderId: string, family: string): Image {
        const image = this.images.find((candidate) => candidate.folderId === folderId && candidate.family === family);
        if (image === undefined) throw notFound(`Image of folder ${folderId}, family`, family);
        return image;
    }
}

export function imageHandlers(images: Images): Handlers<typeof ImageServiceService> {
    return {
        get: ({ imageId }) => images.get(imageId),
        getLatestByFamily: ({ folderId, family }) => images.latestByFamily(folderId, family),
    };
}
