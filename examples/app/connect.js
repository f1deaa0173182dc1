const { readFileSync } = require("node:fs");
const { Client } = require("pg");

const { connection, ca } = JSON.parse(readFileSync(0, "utf8"));

/** Runs `use` with a connection that has verified the server's certificate and name. */
async function withClient(uri, use) {
    // pg takes TLS settings from code, not from the URI: the two must not be mixed.
    const url = new URL(uri);
    url.search = "";
    const client = new Client({ connectionString: url.toString(), ssl: { ca, rejectUnauthorized: true }, connectionTimeoutMillis: 10_000 });
    await client.connect();
    try {
        return await use(client);
    } finally {
        await client.end();
    }
}

module.exports = { connection, withClient };
