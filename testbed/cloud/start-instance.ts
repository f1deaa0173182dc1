import { readFile } from "node:fs/promises";
import { credentials, makeGenericClientConstructor, Metadata } from "@grpc/grpc-js";
import { InstanceServiceService } from "@yandex-cloud/nodejs-sdk/compute-v1/instance_service";
import { ensureCertificate } from "./certificate.ts";

/** Starts a machine that the cloud's API has stopped, by that API, as `yc compute instance start` does. */
export async function startInstance(folder: string, port: number, instanceId: string): Promise<void> {
    const { caPath } = await ensureCertificate(folder);
    const Client = makeGenericClientConstructor(InstanceServiceService, "InstanceService");
    const client = new Client(`localhost:${port}`, credentials.createSsl(await readFile(caPath)));
    const { path, requestSerialize, responseDeserialize } = InstanceServiceService.start;
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer t1.testbed.local");
    try {
        await new Promise<void>((resolve, reject) => {
            client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { instanceId }, metadata, (error) =>
                error ? reject(error) : resolve(),
            );
        });
    } finally {
        client.close();
    }
}
