// Signs the request as it is sent: headers and X-KM-Tran-Token.
const { HmacSHA256, enc, lib } = require('crypto-js');

const value = (name) => {
  const found = pm.variables.get(name);
  if (!found) {
    throw new Error(`Set the variable ${name} (platen credentials --format json prints it).`);
  }
  return found;
};

const digits = new Date().toISOString().replace(/\D/g, ''); // yyyyMMddHHmmssSSS in UTC
const body = pm.request.body ? pm.variables.replaceIn(pm.request.body.toString()) : '';
// The secret key's text is the key, not what its hex stands for.
const mac = enc.Base64.stringify(HmacSHA256(body, value('secretKey')));
const random = lib.WordArray.random(4).toString(enc.Hex).slice(1);

const headers = {
  'X-KM-User-AspId': value('aspId'),
  'X-KM-Correlation-Id': pm.variables.get('correlationId') || `${digits.slice(2, 14)}-${random}`,
  'X-KM-Access-Key': value('accessKey'),
  'X-KM-Tran-Token': `KMV1:${digits}:${mac}`,
  'X-KM-Tran-Time': digits.slice(0, 14),
  'X-KM-Time-Zone': 'UTC',
};
for (const [key, text] of Object.entries(headers)) pm.request.headers.upsert({ key, value: text });
