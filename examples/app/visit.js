const { connection, withClient } = require("./connect");

// The leader takes the write and answers the count: a replica may be a moment behind.
withClient(connection.readWrite, async (client) => {
    await client.query("INSERT INTO visit DEFAULT VALUES");
    const { rows } = await client.query("SELECT count(*)::int AS visits FROM visit");
    console.log(rows[0].visits);
});
