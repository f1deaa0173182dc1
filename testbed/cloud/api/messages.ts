/** The functions that the SDK generates for each message. */
export interface Codec<Message> {
    encode(message: Message): { finish(): Uint8Array };
    decode(bytes: Uint8Array): Message;
    toJSON(message: Message): unknown;
    fromJSON(json: unknown): Message;
}

/** google.protobuf.Any */
export interface AnyMessage {
    typeUrl: string;
    value: Buffer;
}

/** Packs a message with its full name, e.g. `yandex.cloud.vpc.v1.Network`; the SDK has no registry of names. */
export function pack<Message>(fullName: string, codec: Codec<Message>, message: Message): AnyMessage {
    return { typeUrl: `type.googleapis.com/${fullName}`, value: Buffer.from(codec.encode(message).finish()) };
}

/** google.protobuf.Empty, what deletions answer. */
export const empty: AnyMessage = { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: Buffer.alloc(0) };
