import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/**
 * What PostgreSQL stores of a password (RFC 5803, `SCRAM-SHA-256$…`).
 *
 * The salt follows from role and password, so that setting the same password again changes nothing:
 * PgBouncer logs clients in to the server with keys that belong to the verifier it saw, and a new salt would
 * lock out clients that are connected. The password must be random and ASCII, because such a salt lets a guess be
 * tested without the iterations.
 */
export function scramVerifier(role: string, password: string): string {
    const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const salt = hmac(password, `salt of ${role}`).subarray(0, SALT_BYTES);
    const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, "sha256");
    const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
    const serverKey = hmac(salted, "Server Key").toString("base64");
    return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
