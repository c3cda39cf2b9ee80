#!/usr/bin/env bash
# {{title}}
# {{scenario}}
#
# bash, curl and OpenSSL 3. openssl is given keys as arguments, which others on this machine can
# see while it runs: for trying out, not for production.
#   platen credentials --format json > credentials.json
#   bash call.sh
set -euo pipefail
export LC_ALL=C

origin=${PLATEN_URL:-http://127.0.0.1:8080}
path={{path}}
IFS= read -r -d '' clear <<'JSON' || true
{{body}}
JSON

credential() { # a line of the file for each
  printf '%b' "$(sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" credentials.json)"
}
string() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
{{key}}
hex() { od -An -v -tx1 | tr -d ' \n'; }
unhex() { printf "$(printf %s "$1" | sed 's/../\\x&/g')"; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unbase64url() {
  local text
  text=$(printf %s "$1" | tr -- '-_' '+/')
  while ((${#text} % 4)); do text+='='; done
  printf %s "$text" | openssl base64 -d -A
}
rsa() { # RSA-OAEP with SHA-256 in both places
  openssl pkeyutl "$@" -pkeyopt rsa_padding_mode:oaep \
    -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
}
ctr() { openssl enc -"aes-$((${#1} * 4))-ctr" -K "$1" -iv "${2}00000002"; }
pad() { local text=$1; while ((${#text} % 32)); do text+=0; done; printf %s "$text"; }

# The tag of AES-GCM over header and ciphertext. `openssl enc` has no GCM; `openssl mac` has GMAC,
# which over the two, padded, differs in the last block alone: the lengths. So the difference,
# times H in GF(2^128), is taken off.
gcm_tag() { # key, iv, header and ciphertext, all in hex
  local bits=$((${#1} * 4)) padded mac h x i zh=0 zl=0 vh vl odd
  padded=$(pad "$3")$(pad "$4")
  mac=$(unhex "$padded" | openssl mac -cipher "AES-$bits-GCM" -macopt "hexkey:$1" \
    -macopt "hexiv:$2" -in - GMAC)
  h=$(unhex "$(pad 00)" | openssl enc -"aes-$bits-ecb" -K "$1" -nopad | hex)
  vh=$((0x${h:0:16})) vl=$((0x${h:16}))
  for x in $((${#3} * 4 ^ ${#padded} * 4)) $((${#4} * 4)); do
    for ((i = 63; i >= 0; i--)); do
      if ((x >> i & 1)); then zh=$((zh ^ vh)) zl=$((zl ^ vl)); fi
      odd=$((vl & 1)) vl=$(((vl >> 1 & ~(1 << 63)) | vh << 63)) vh=$((vh >> 1 & ~(1 << 63)))
      if ((odd)); then vh=$((vh ^ 0xe1 << 56)); fi
    done
  done
  printf '%016x%016x' $((0x${mac:0:16} ^ zh)) $((0x${mac:16} ^ zl))
}
{{end}}
{{request}}

# A compact JWE: the text under a new AES key, and that key under the platform's RSA key.
encrypt() {
  local header key iv sealed wrapped
  header=$(printf %s '{"alg":"RSA-OAEP-256","enc":"A256GCM"}' | base64url)
  key=$(openssl rand -hex 32) iv=$(openssl rand -hex 12)
  wrapped=$(unhex "$key" |
    rsa -encrypt -pubin -inkey <(credential serverPublicKey) | base64url)
  sealed=$(printf %s "$1" | ctr "$key" "$iv" | hex)
  printf '%s.%s.%s.%s.%s' "$header" "$wrapped" "$(unhex "$iv" | base64url)" \
    "$(unhex "$sealed" | base64url)" \
    "$(unhex "$(gcm_tag "$key" "$iv" "$(printf %s "$header" | hex)" "$sealed")" | base64url)"
}
{{end}}
{{response}}

# The text in a compact JWE that came for our private key.
decrypt() {
  local header wrapped iv sealed tag key
  IFS=. read -r header wrapped iv sealed tag <<<"$1"
  key=$(unbase64url "$wrapped" | rsa -decrypt -inkey <(credential clientPrivateKey) | hex)
  iv=$(unbase64url "$iv" | hex) sealed=$(unbase64url "$sealed" | hex)
  tag=$(unbase64url "$tag" | hex)
  if [[ $tag != "$(gcm_tag "$key" "$iv" "$(printf %s "$header" | hex)" "$sealed")" ]]; then
    echo 'the answer was changed on its way' >&2
    return 1
  fi
  unhex "$sealed" | ctr "$key" "$iv"
}
{{end}}

{{request}}
body="{\"encData\":\"$(encrypt "$clear")\"}"
{{end}}
{{plain}}
body=$clear
{{end}}
time=$(date -u +%Y%m%d%H%M%S)
mac=$(printf %s "$body" | openssl dgst -sha256 -hmac "$(credential secretKey)" -binary |
  openssl base64 -A)
# The correlation id: a new one for each new call; the same call again (no answer came) keeps its
# own.
answer=$(printf %s "$body" | curl -sS --max-time 60 -w '\n%{http_code}' --data-binary @- \
  -H 'Content-Type: application/json' \
  -H "X-KM-User-AspId: $(credential aspId)" \
  -H "X-KM-Correlation-Id: ${time:2}-$(openssl rand -hex 4 | cut -c 2-)" \
  -H "X-KM-Access-Key: $(credential accessKey)" \
{{key}}
  -H "X-KM-Crypto-Key-Id: $(credential cryptoKeyId)" \
{{end}}
  -H "X-KM-Tran-Token: KMV1:${time}000:$mac" \
  -H "X-KM-Tran-Time: $time" \
  -H 'X-KM-Time-Zone: UTC' \
  "$origin$path")

status=${answer##*$'\n'} text=${answer%$'\n'*}
{{response}}
encrypted=$(printf %s "$text" | string encData)
if [[ $encrypted ]]; then text=$(decrypt "$encrypted"); fi # 000_9xx always comes in clear
{{end}}
echo "HTTP $status, code $(printf %s "$text" | string code)"
printf '%s\n' "$text"
