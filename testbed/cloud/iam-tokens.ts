import { randomBytes } from "node:crypto";
import type { IamTokenServiceService } from "@yandex-cloud/nodejs-sdk/iam-v1/iam_token_service";
import { unauthenticated } from "./api/errors.ts";
import type { Handlers } from "./api/server.ts";

/** Longest lifetime of the cloud's IAM tokens. */
const lifetimeHours = 12;

/** Exchanges an OAuth token or a service account's JWT for an IAM token. The testbed accepts all of them. */
export function iamTokenHandlers(): Handlers<typeof IamTokenServiceService> {
    return {
        create: ({ yandexPassportOauthToken, jwt }) => {
            if (!yandexPassportOauthToken && !jwt) throw unauthenticated("Neither an OAuth token nor a JWT was given");
            return {
                iamToken: `t1.testbed.${randomBytes(16).toString("hex")}`,
                expiresAt: new Date(Date.now() + lifetimeHours * 3_600_000),
            };
        },
    };
}
