const { readFileSync } = require("node:fs");
const { Client } = require("pg");

const { connection, ca } = JSON.parse(readFileSync(0, "utf8"));

/**
 * Runs `use` with a connection that has verified the server's certificate and name. A string may name several
 * servers, which pg does not understand: each is tried in turn, as libpq does.
 */
async function withClient(uri, use) {
    const servers = /@([^/]+)\//.exec(uri)[1].split(",");
    const client = await firstThatAnswers(servers);
    try {
        return await use(client);
    } finally {
        await client.end();
    }
}

async function firstThatAnswers([server, ...others]) {
    const [host, port] = server.split(":");
    const { user, password, database } = connection;
    // Names and addresses alike are in the certificate.
    const client = new Client({
        host,
        port: Number(port),
        user,
        password,
        database,
        ssl: { ca, host },
        connectionTimeoutMillis: 5_000,
    });
    try {
        await client.connect();
        return client;
    } catch (error) {
        if (others.length === 0) throw error;
        return firstThatAnswers(others);
    }
}

module.exports = { connection, withClient };
