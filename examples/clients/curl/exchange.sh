#!/usr/bin/env bash
# Exchanges the token in $SUBJECT_TOKEN_FILE by curl, and prints what is issued. The token is read from standard input:
# in the arguments of a program everybody on the machine could see it.
set -euo pipefail

answer=$(tr -d '\n' <"$SUBJECT_TOKEN_FILE" | curl --silent --show-error --fail-with-body "$ISSUER/token" \
  --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  --data-urlencode client_id=payments/deployer \
  --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:jwt \
  --data-urlencode subject_token@- \
  --data-urlencode audience=https://deploy.example.com \
  --data-urlencode scope=deploy) || { echo "$answer" >&2; exit 1; }

sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' <<<"$answer"     # where jq is at hand: jq -r .access_token
