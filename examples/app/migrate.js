const { readFileSync } = require("node:fs");
const { connection, withClient } = require("./connect");

withClient(connection.readWrite, (client) => client.query(readFileSync(`${__dirname}/schema.sql`, "utf8"))).then(() =>
    console.log("migrated"),
);
