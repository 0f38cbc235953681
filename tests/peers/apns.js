// Send notifications with the npm package @parse/node-apn, and print what it says of each.
const apn = require('@parse/node-apn');

async function main({ provider, notes, device }) {
  const sender = new apn.Provider(provider);
  for (const fields of notes) {
    const note = new apn.Notification();
    Object.assign(note, fields);
    const { sent, failed } = await sender.send(note, device);
    console.log(JSON.stringify({ sent, failed }));
  }
  await sender.shutdown();
}

main(JSON.parse(process.argv[2]));
