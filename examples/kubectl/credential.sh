#!/usr/bin/env bash
# A credential plugin of kubectl: exchanges the token in $SUBJECT_TOKEN_FILE at $ISSUER, and hands what is issued to kubectl.
# A kubeconfig names it under users[].user.exec (docs/clients.md), so that no token is typed or kept anywhere.
set -euo pipefail

answer=$(tr -d '\n' <"$SUBJECT_TOKEN_FILE" | curl --silent --show-error --fail-with-body "$ISSUER/token" \
  --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  --data-urlencode client_id=cambio-system/deployer \
  --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:jwt \
  --data-urlencode subject_token@- \
  --data-urlencode audience=kubernetes-prod) || { echo "$answer" >&2; exit 1; }

token=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' <<<"$answer")
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}\n' "$token"
